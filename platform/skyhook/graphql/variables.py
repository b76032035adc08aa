"""Variables coerced by functions that are made once for each operation.

graphql-core looks up each variable's type, and each field of an input, anew for each request. What these
functions do not take, such as a value that does not fit, is left to it: it says what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

from graphql import (
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
    get_variable_values,
    is_required_input_field,
)
from graphql.execution.get_variable_signature import GraphQLVariableSignature, get_variable_signature
from graphql.execution.values import VariableValues, VariableValueSource
from graphql.utilities.coerce_input_value import coerce_default_value

Coerce: TypeAlias = Callable[[Any], Any]
"""From a JSON value to the coerced one; raises anything for what it does not take."""


class _Misfit(Exception):
    """A value is not of the usual form."""


class Variables:
    """The variables of one operation."""

    def __init__(self, schema: GraphQLSchema, node: OperationDefinitionNode) -> None:
        self._schema = schema
        self._definitions = node.variable_definitions or ()
        self._coercers = self._prepare()

    def coerce(self, given: dict[str, Any], most_errors: int) -> VariableValues | list[GraphQLError]:
        """The values as graphql-core has them, or its errors."""
        if self._coercers is not None:
            try:
                return _coerced(self._coercers, given)
            except Exception:  # noqa: S110
                pass
        return get_variable_values(self._schema, self._definitions, given, max_errors=most_errors)

    def _prepare(self) -> list[tuple[GraphQLVariableSignature, Coerce]] | None:
        prepared = []
        for definition in self._definitions:
            signature = get_variable_signature(self._schema, definition)
            if isinstance(signature, GraphQLError):
                return None
            try:
                prepared.append((signature, coercer(signature.type)))
            except _Misfit:
                return None
        return prepared


def _coerced(
    coercers: list[tuple[GraphQLVariableSignature, Coerce]], given: dict[str, Any]
) -> VariableValues:
    values = VariableValues({}, {})
    for signature, coerce in coercers:
        name = signature.name
        if name in given:
            value = given[name]
            values.coerced[name] = coerce(value)
            values.sources[name] = VariableValueSource(signature, value)
        elif signature.default is not None or isinstance(signature.type, GraphQLNonNull):
            raise _Misfit
        else:
            values.sources[name] = VariableValueSource(signature)
    return values


def coercer(kind: GraphQLInputType, inside: tuple[GraphQLInputType, ...] = ()) -> Coerce:
    """The function for values of a type that lies inside of others. Raises _Misfit for a recursive one."""
    if isinstance(kind, GraphQLNonNull):
        return _required(kind.of_type, inside)
    inner = _required(kind, inside)
    return lambda value: None if value is None else inner(value)


def _required(kind: Any, inside: tuple[GraphQLInputType, ...]) -> Coerce:
    if isinstance(kind, GraphQLList):
        return _list(coercer(kind.of_type, inside))
    if isinstance(kind, GraphQLInputObjectType):
        if kind in inside or kind.is_one_of:
            raise _Misfit
        return _object(kind, (*inside, kind))
    if kind is GraphQLString:
        return _string
    return _leaf(kind.coerce_input_value)


def _list(item: Coerce) -> Coerce:
    def coerce(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _Misfit
        return [item(one) for one in value]

    return coerce


def _object(kind: GraphQLInputObjectType, inside: tuple[GraphQLInputType, ...]) -> Coerce:
    fields = [
        (
            name,
            field.out_name or name,
            is_required_input_field(field),
            coerce_default_value(field),
            coercer(field.type, inside),
        )
        for name, field in kind.fields.items()
    ]
    out_type = kind.out_type

    def coerce(value: Any) -> Any:
        if type(value) is not dict:
            raise _Misfit
        known = 0
        coerced = {}
        for name, out_name, is_required, default, field in fields:
            if name in value:
                known += 1
                coerced[out_name] = field(value[name])
            elif is_required:
                raise _Misfit
            elif default is not Undefined:
                coerced[out_name] = default
        if known != len(value):
            raise _Misfit
        return out_type(coerced)

    return coerce


def _string(value: Any) -> str:
    if type(value) is not str:
        raise _Misfit
    return value


def _leaf(coerce_leaf: Coerce) -> Coerce:
    def coerce(value: Any) -> Any:
        coerced = coerce_leaf(value)
        if coerced is None or coerced is Undefined or value is None:
            raise _Misfit
        return coerced

    return coerce
