"""A plugin's settings: what the fields of its settings class mean, and how text becomes their values.

The class is a frozen msgspec Struct. Each field has a type (bool, int, float, str, a Literal of texts, or
`tuple[str, ...]`), a default, a description, and limits, by `Annotated` and `msgspec.Meta`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Meta, Struct

from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import Plugin

SECRET: Mapping[str, Any] = {"secret": True}
"""`Meta(extra=SECRET)`: the value is encrypted where it is stored, and shown to nobody."""
_NUMBERS = {int: "a whole number", float: "a number"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One field of a plugin's settings."""

    plugin: str
    name: str
    type: Any
    """As it is annotated, limits included."""
    base: Any
    """Without them."""
    meta: Meta
    default: Any

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return f"SKYHOOK_{self.plugin}_{self.name}".upper()

    @property
    def title(self) -> str:
        """What people call it."""
        return self.meta.title or self.name.replace("_", " ").capitalize()

    @property
    def is_secret(self) -> bool:
        """Whether nobody is to see the value."""
        return bool((self.meta.extra or {}).get("secret"))

    @property
    def choices(self) -> tuple[str, ...]:
        """The values that there are, where they are few."""
        return get_args(self.base) if get_origin(self.base) is Literal else ()

    @property
    def wanted(self) -> str:
        """What a value must be, such as `a whole number from 1 to 10`."""
        if self.base is bool:
            return "true or false"
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.base in _NUMBERS:
            return " ".join([_NUMBERS[self.base], *_bounds(self.meta)])
        what = "text" if self.base is str else "texts with commas between them"
        if self.meta.pattern:
            what += f" that matches {self.meta.pattern}"
        least, most = self.meta.min_length or 0, self.meta.max_length
        return (
            f"{what} of {least} to {most} {'characters' if self.base is str else 'items'}" if most else what
        )

    def parse(self, text: str) -> Any:
        """The value that a text means; nothing means the default. Raises ValueError with a sentence's end."""
        if not text.strip():
            return self.default
        given: Any = text
        if self.base == tuple[str, ...]:
            given = [part.strip() for part in text.split(",") if part.strip()]
        elif self.base is not str:
            given = text.strip()
        return self.convert(given)

    def convert(self, given: Any) -> Any:
        """A value of the field's type and within its limits. Raises ValueError with a sentence's end."""
        try:
            return msgspec.convert(given, self.type, strict=False)
        except msgspec.ValidationError as error:
            shown = "" if self.is_secret else f", not {given!r}"
            raise ValueError(f"must be {self.wanted}{shown}") from error

    def text(self, value: Any) -> str:
        """A value as `parse` reads it."""
        if isinstance(value, bool):
            return "true" if value else "false"
        return ", ".join(value) if isinstance(value, tuple) else str(value)


def settings_of(plugin: Plugin) -> list[Setting]:
    """What can be set in a plugin. Raises PluginBroken where its settings class does not say all of it."""
    cls = plugin.settings
    if cls is None:
        return []
    if not (isinstance(cls, type) and issubclass(cls, Struct) and cls.__struct_config__.frozen):
        raise PluginBroken(plugin.name, f"its settings {cls!r} must be a frozen msgspec Struct")
    hints = get_type_hints(cls, include_extras=True)
    found = []
    for field in msgspec.structs.fields(cls):
        hint = hints[field.name]
        base = get_args(hint)[0] if hasattr(hint, "__metadata__") else hint
        metas = [one for one in getattr(hint, "__metadata__", ()) if isinstance(one, Meta)]
        problem = None
        if len(metas) != 1 or not metas[0].description:
            problem = "has no description: annotate it with msgspec.Meta"
        elif not _is_known(base):
            problem = "must be a bool, int, float, str, Literal of texts, or tuple[str, ...]"
        elif field.default is msgspec.NODEFAULT:
            problem = "has no default"
        if problem:
            raise PluginBroken(plugin.name, f"its setting {field.name} {problem}")
        setting = Setting(plugin.name, field.name, hint, base, metas[0], field.default)
        try:
            setting.convert(field.default)
        except ValueError as error:
            raise PluginBroken(plugin.name, f"the default of its setting {field.name} {error}") from error
        found.append(setting)
    return found


def from_environment(plugin: Plugin) -> dict[str, Any]:
    """The settings that the environment has, by name. Raises PluginBroken, which names the variable."""
    found = {}
    for setting in settings_of(plugin):
        text = os.environ.get(setting.variable, "")
        if text.strip():
            try:
                found[setting.name] = setting.parse(text)
            except ValueError as error:
                raise PluginBroken(plugin.name, f"{setting.variable} {error}") from error
    return found


def _is_known(base: Any) -> bool:
    if get_origin(base) is Literal:
        return all(isinstance(choice, str) for choice in get_args(base))
    return base in (bool, int, float, str) or base == tuple[str, ...]


def _bounds(meta: Meta) -> list[str]:
    bounds = []
    least = meta.ge if meta.ge is not None else meta.gt
    most = meta.le if meta.le is not None else meta.lt
    if least is not None:
        bounds.append(f"{'from' if meta.ge is not None else 'above'} {least}")
    if most is not None:
        bounds.append(f"{'to' if meta.le is not None else 'below'} {most}")
    return bounds
