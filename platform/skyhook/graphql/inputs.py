"""Input types whose fields are looked up once, when the schema is composed.

Strawberry resolves the name and the type of each field of an input anew for each request; with an input of a
dozen fields, that was a fifth of the time of a whole call.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import strawberry
from strawberry import Schema
from strawberry.types.arguments import InputContext
from strawberry.types.base import (
    StrawberryList,
    StrawberryMaybe,
    StrawberryObjectDefinition,
    StrawberryOptional,
    has_object_definition,
)
from strawberry.types.field import StrawberryField

Keys: TypeAlias = tuple[str | int, ...]
"""Where a value is in its input."""

Convert: TypeAlias = Callable[[Any, InputContext, Keys], Any]

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
            name_of(field): (field.python_name, _converter(types[field.name])) for field in fields
        }
        self._absent = {
            field.python_name: None
            for field in fields
            if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING
        }

    def __call__(self, cls: type, given: Mapping[str, Any], context: InputContext) -> Any:
        arguments: dict[str, Any] = self._absent.copy()
        for name, value in given.items():
            python_name, convert = self._fields[name]
            if convert is not None and value is not None:
                value = convert(value, context, (name,))  # noqa: PLW2901
            arguments[python_name] = value
        return cls(**arguments)


def _converter(type_: Any) -> Convert | None:
    """The function that converts values of a type, other than null; None where they need no conversion."""
    inner = type_.of_type if isinstance(type_, StrawberryOptional) else type_
    if inner in _AS_THEY_ARE:
        return None
    if isinstance(inner, StrawberryList):
        return _list_converter(_converter(inner.of_type))
    if has_object_definition(inner):
        return _input_converter(inner)
    return lambda value, context, keys: context.convert(value, inner, *keys)


def _list_converter(convert: Convert | None) -> Convert:
    if convert is None:
        return lambda value, _context, _keys: list(value)
    return lambda value, context, keys: [
        None if one is None else convert(one, context, (*keys, index)) for index, one in enumerate(value)
    ]


def _input_converter(type_: Any) -> Convert:
    definition = type_.__strawberry_definition__

    def convert(value: Any, context: InputContext, keys: Keys) -> Any:
        build = definition.from_input  # looked up now: the type may be prepared after this one
        if not isinstance(build, _Builder):
            return context.convert(value, type_, *keys)
        path = (*context.path, *keys)
        inner = InputContext(context.info, context.config, context.scalar_registry, path)
        return build(type_, value, inner)

    return convert
