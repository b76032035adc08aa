"""Selections of plain attributes, completed by functions that are made once for each operation.

graphql-core asks for each field of each answer anew which resolver it has, of what type it is, and builds
what a resolver may want to know. Where a value's whole selection is attributes of Strawberry types, nothing
of that is needed. What these functions do not take, such as a null where none may be, is completed by
graphql-core from the start: it is the one that says what is wrong, and where.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from graphql import (
    FragmentDefinitionNode,
    GraphQLBoolean,
    GraphQLField,
    GraphQLID,
    GraphQLInt,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLString,
    OperationDefinitionNode,
    Undefined,
)
from graphql.execution.collect_fields import FieldDetails
from graphql.pyutils import Path
from graphql.type import GraphQLResolveInfo, is_leaf_type
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.schema_converter import GraphQLCoreConverter

Complete: TypeAlias = Callable[[Any], Any]
"""From a resolved value to the answered one; raises anything for what it does not take."""

_AS_THEY_ARE = {GraphQLString: str, GraphQLID: str, GraphQLInt: int, GraphQLBoolean: bool}
_INT_LIMIT = 2**31


class _Misfit(Exception):
    """A value, or a selection, is not of the usual form."""


class Selections:
    """The completing functions of one operation, made when a selection is first answered."""

    def __init__(
        self, node: OperationDefinitionNode, fragments: Mapping[str, FragmentDefinitionNode]
    ) -> None:
        self._known: dict[tuple[int, ...], Complete | None] = {}
        # With @include and its like, what is selected depends on the variables.
        self._is_fixed = not _has_directives(node) and not any(map(_has_directives, fragments.values()))

    def completer(
        self, executor: Executor, kind: GraphQLOutputType, fields: list[FieldDetails]
    ) -> Complete | None:
        """The function for values of a type under the fields that select from them, where there is one."""
        key = (id(kind), *[id(field.node) for field in fields])
        try:
            return self._known[key]
        except KeyError:
            complete = None
            if self._is_fixed:
                try:
                    complete = _completer(executor, kind, fields)
                except _Misfit:
                    complete = None
            self._known[key] = complete
            return complete


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Strawberry's executor, which completes plain selections by the operation's functions."""

    def __init__(self, selections: Selections, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._selections = selections

    def complete_value(
        self,
        return_type: GraphQLOutputType,
        field_details_list: list[FieldDetails],
        info: GraphQLResolveInfo[Any],
        path: Path,
        result: Any,
        position_context: Any,
    ) -> Any:
        """As graphql-core's."""
        complete = self._selections.completer(self, return_type, field_details_list)
        if complete is not None:
            try:
                return complete(result)
            except Exception:  # noqa: S110
                pass
        return super().complete_value(return_type, field_details_list, info, path, result, position_context)


def _has_directives(node: OperationDefinitionNode | FragmentDefinitionNode) -> bool:
    waiting: list[Any] = [node]
    while waiting:
        one = waiting.pop()
        if one.directives:
            return True
        selected = getattr(one, "selection_set", None)
        waiting.extend(selected.selections if selected else ())
    return False


def _completer(executor: Executor, kind: GraphQLOutputType, fields: list[FieldDetails]) -> Complete:
    if isinstance(kind, GraphQLNonNull):
        return _present(_completer_of_present(executor, kind.of_type, fields))
    inner = _completer_of_present(executor, kind, fields)
    return lambda value: None if value is None else inner(value)


def _present(inner: Complete) -> Complete:
    def complete(value: Any) -> Any:
        if value is None:
            raise _Misfit
        return inner(value)

    return complete


def _completer_of_present(executor: Executor, kind: Any, fields: list[FieldDetails]) -> Complete:
    if isinstance(kind, GraphQLList):
        return _list(_completer(executor, kind.of_type, fields))
    if isinstance(kind, GraphQLObjectType):
        return _object(executor, kind, fields)
    if is_leaf_type(kind):
        return _leaf(kind)
    raise _Misfit


def _list(item: Complete) -> Complete:
    def complete(value: Any) -> list[Any]:
        if type(value) is not list:
            raise _Misfit
        return [item(one) for one in value]

    return complete


def _leaf(kind: Any) -> Complete:
    coerce = kind.coerce_output_value
    plain = _AS_THEY_ARE.get(kind)

    def complete(value: Any) -> Any:
        if type(value) is plain and (plain is not int or -_INT_LIMIT <= value < _INT_LIMIT):  # type: ignore[operator]
            return value
        if isinstance(value, Exception) or optimized_is_awaitable(value):
            raise _Misfit
        coerced = coerce(value)
        if coerced is None or coerced is Undefined:
            raise _Misfit
        return coerced

    return complete


def _object(executor: Executor, kind: GraphQLObjectType, fields: list[FieldDetails]) -> Complete:
    if kind.is_type_of is not None and _definition(kind).is_type_of is not None:
        raise _Misfit  # a function of the plugin's, which may want to know more
    is_type_of = kind.is_type_of
    selected = executor.collect_subfields(kind, fields).grouped_field_set
    members = [(name, *_member(executor, kind, selection)) for name, selection in selected.items()]

    def complete(value: Any) -> dict[str, Any]:
        if is_type_of is not None and not is_type_of(value, None):  # type: ignore[arg-type]
            raise _Misfit
        return {
            name: inner if attribute is None else inner(getattr(value, attribute))
            for name, attribute, inner in members
        }

    return complete


def _member(
    executor: Executor, parent: GraphQLObjectType, fields: list[FieldDetails]
) -> tuple[str | None, Any]:
    """An attribute and the function that completes its value, or None and the value itself."""
    name = fields[0].node.name.value
    if name == "__typename":
        return None, parent.name
    field: GraphQLField = parent.fields[name]
    if not getattr(field.resolve, "_is_default", False):  # Strawberry's mark of a plain attribute
        raise _Misfit
    return _definition(field).python_name, _completer(executor, field.type, fields)


def _definition(kind: GraphQLObjectType | GraphQLField) -> Any:
    return kind.extensions[GraphQLCoreConverter.DEFINITION_BACKREF]
