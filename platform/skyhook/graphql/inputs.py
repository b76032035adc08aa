"""Input types whose fields are looked up once, when the schema is composed.

Strawberry resolves the name and the type of each field of an input anew for each request; with an input of a
dozen fields, that was a fifth of the time of a whole call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

import strawberry
from strawberry import Schema
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryMaybe, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.field import StrawberryField

_AS_THEY_ARE = (str, int, float, bool, strawberry.ID)


def prepare_inputs(schema: Schema) -> None:
    """Gives every input type of the schema its builder, where it has none of its own."""
    for concrete in schema.schema_converter.type_map.values():
        definition = concrete.definition
        if not isinstance(definition, StrawberryObjectDefinition) or not definition.is_input:
            continue
        types = {field.name: field.resolve_type(type_definition=definition) for field in definition.fields}
        # Strawberry checks the nulls of `Maybe` itself, for types without a builder only.
        if definition.from_input is None and not any(isinstance(t, StrawberryMaybe) for t in types.values()):
            definition.from_input = _Builder(schema, definition.fields, types)


class _Builder:
    """Builds an input as Strawberry does."""

    def __init__(self, schema: Schema, fields: Iterable[StrawberryField], types: Mapping[str, Any]) -> None:
        name_of = schema.config.name_converter.from_field
        self._fields = {
            name_of(field): (field.python_name, _to_convert(types[field.name])) for field in fields
        }
        self._absent = {
            field.python_name: None
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        }

    def __call__(self, cls: type, given: Mapping[str, Any], context: InputContext) -> Any:
        arguments: dict[str, Any] = self._absent.copy()
        for name, value in given.items():
            python_name, type_ = self._fields[name]
            if type_ is not None and value is not None:
                value = context.convert(value, type_, name) if value != [] else []  # noqa: PLW2901
            arguments[python_name] = value
        return cls(**arguments)


def _to_convert(type_: Any) -> Any:
    """The type; None where its values need no conversion."""
    inner = type_.of_type if isinstance(type_, StrawberryOptional) else type_
    return None if inner in _AS_THEY_ARE else type_
