"""Connections within the schema: their arguments checked at start-up, their nodes counted at run time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLUnionType,
    Undefined,
    default_field_resolver,
    get_named_type,
    get_nullable_type,
    is_list_type,
)
from strawberry.execution import optimized_is_awaitable

from skyhook.graphql.cost import is_connection

ARGUMENTS = {
    "first": "How many from the beginning, or behind `after`.",
    "after": "The cursor behind which the page begins.",
    "last": "How many from the end, or before `before`.",
    "before": "The cursor before which the page ends.",
}
_UNBOUNDED_LISTS = {("Query", "nodes")}
"""Root fields that are lists, whose length the static cost knows all the same."""


def _fields(schema: GraphQLSchema) -> Iterator[tuple[GraphQLNamedType, str, GraphQLField]]:
    for kind in schema.type_map.values():
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType) and not kind.name.startswith("__"):
            for name, field in kind.fields.items():
                yield kind, name, field


def check_pages(schema: GraphQLSchema) -> str | None:
    """What is wrong with the schema's connections, in one sentence; None where all is well.

    Without these rules the static cost of a request would be no bound.
    """
    for kind, name, field in _fields(schema):
        target = get_named_type(field.type)
        if is_connection(target):
            missing = [argument for argument in ARGUMENTS if argument not in field.args]
            if missing:
                return f"the connection {kind.name}.{name} lacks the arguments {', '.join(missing)}"
            for argument in ("first", "last"):
                if field.args[argument].default_value not in (Undefined, None):
                    return f"the connection {kind.name}.{name} has a default for {argument!r}"
        elif (
            is_list_type(get_nullable_type(field.type))
            and not is_connection(kind)
            and (kind.name, name) not in _UNBOUNDED_LISTS
            and (connection := _reachable_connection(schema, target))
        ):
            return (
                f"{kind.name}.{name} is a plain list whose items lead to the connection {connection}, "
                "so that no cost bounds it; make it a connection"
            )
    return None


def _reachable_connection(schema: GraphQLSchema, start: GraphQLNamedType) -> str | None:
    waiting, seen = [start], {start.name}
    while waiting:
        kind = waiting.pop()
        if is_connection(kind):
            return kind.name
        if isinstance(kind, GraphQLUnionType | GraphQLInterfaceType):
            below: list[GraphQLNamedType] = list(schema.get_possible_types(kind))
        elif isinstance(kind, GraphQLObjectType):
            below = [get_named_type(field.type) for field in kind.fields.values()]
        else:
            continue
        for one in below:
            if one.name not in seen:
                seen.add(one.name)
                waiting.append(one)
    return None


def describe_pages(schema: GraphQLSchema) -> None:
    """Describes the arguments of connections, which are the same everywhere, where nobody did."""
    for _, _, field in _fields(schema):
        if is_connection(get_named_type(field.type)):
            for name, description in ARGUMENTS.items():
                field.args[name].description = field.args[name].description or description


def count_nodes(schema: GraphQLSchema) -> None:
    """Makes each connection tell the request's context how many nodes it returned."""
    for kind, _, field in _fields(schema):
        if isinstance(kind, GraphQLObjectType) and is_connection(get_named_type(field.type)):
            field.resolve = _counting(field.resolve or default_field_resolver)


def _counting(resolve: Callable[..., Any]) -> Callable[..., Any]:
    def counted(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
        connection = resolve(source, info, **arguments)
        if optimized_is_awaitable(connection):
            return counted_later(connection, info)
        return count(connection, info)

    async def counted_later(connection: Any, info: GraphQLResolveInfo[Any]) -> Any:
        return count(await connection, info)

    def count(connection: Any, info: GraphQLResolveInfo[Any]) -> Any:
        if connection is not None:
            info.context.nodes += len(connection.edges)
        return connection

    return counted
