"""Commands that plugins bring: `skyhook <plugin> ...`, imported when somebody asks for them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from importlib import import_module
from typing import Any, Protocol, TypeVar

import click

from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import Plugin

T = TypeVar("T")


class WithServices(Protocol):
    """What a plugin's command gets by `@click.pass_obj`: the platform's services, not started."""

    def __call__(self, work: Callable[[Any], Awaitable[T]]) -> T:
        """Runs `work` with the services and closes them; a SkyhookError ends the command as a sentence."""
        ...


def load_commands(plugin: Plugin) -> click.Group:
    """The group that the plugin's manifest names. Raises PluginBroken where there is none."""
    module, _, name = (plugin.commands or "").partition(":")
    # Importing a stranger's module can raise anything, SystemExit included; none may stop `skyhook`.
    try:
        group = getattr(import_module(module), name)
    except KeyboardInterrupt:
        raise
    except BaseException as error:
        reason = f"its commands cannot be imported: {type(error).__name__}: {error}"
        raise PluginBroken(plugin.name, reason) from error
    if not isinstance(group, click.Group):
        raise PluginBroken(plugin.name, f"{plugin.commands} must be a click.Group, not {group!r}")
    return group
