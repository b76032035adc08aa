"""The static cost of an operation: what it could return at most, known before it runs.

Each root field costs one point, each connection its page size times those of the connections around
it, and `nodes(ids:)` one point an id. All other fields cost nothing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
)

from skyhook.errors import InvalidInput
from skyhook.graphql.limits import PAGE_MAXIMUM

Variables: TypeAlias = Mapping[str, Any]


class PageSizeInvalid(InvalidInput):
    """A connection was asked for without exactly one of `first` and `last`, or for too many nodes."""

    code = "PAGE_SIZE_INVALID"


def is_connection(kind: Any) -> bool:
    """Whether a GraphQL type is a Relay connection."""
    return (
        isinstance(kind, GraphQLObjectType)
        and kind.name.endswith("Connection")
        and "edges" in kind.fields
        and "pageInfo" in kind.fields
    )


def page_size(first: Any, last: Any, name: str) -> int:
    """The page size that `first` or `last` asks for. Raises PageSizeInvalid."""
    if first is not None and last is not None:
        raise PageSizeInvalid(f"{name} takes `first` or `last`, not both.", field="last")
    size, argument = (last, "last") if first is None else (first, "first")
    if size is None:
        raise PageSizeInvalid(f"{name} needs `first` or `last`, from 1 to {PAGE_MAXIMUM}.", field="first")
    if not isinstance(size, int) or not 1 <= size <= PAGE_MAXIMUM:
        raise PageSizeInvalid(f"{name} takes `{argument}` from 1 to {PAGE_MAXIMUM}.", field=argument)
    return size


class Points(NamedTuple):
    """A cost in its two parts."""

    roots: int
    """One for each root field."""
    nodes: int
    """One for each node that the connections could return."""

    @property
    def total(self) -> int:
        """What is drawn from the rate budget."""
        return self.roots + self.nodes


FREE = Points(0, 0)


@dataclass(slots=True)
class Plan:
    """What a selection costs: a fixed part, and terms that depend on the request's variables."""

    fixed: Points = FREE
    terms: list[Term] = field(default_factory=list)

    def points(self, variables: Variables) -> Points:
        """The points for these coerced variables. Raises PageSizeInvalid."""
        return self._points(variables, {}) if self.terms else self.fixed

    def _points(self, variables: Variables, known: dict[int, Points]) -> Points:
        # A fragment's plan is shared by all of its spreads, so each is computed once.
        points = known.get(id(self))
        if points is None:
            roots, nodes = self.fixed
            for term in self.terms:
                if all(condition.holds(variables) for condition in term.conditions):
                    own = term.points(variables, term.inner._points(variables, known))
                    roots += own.roots
                    nodes += own.nodes
            points = known[id(self)] = Points(roots, nodes)
        return points

    def add(self, term: Term) -> None:
        """Adds a term, to the fixed part where no variable decides it. Raises PageSizeInvalid."""
        if term.conditions or term.inner.terms or term.size.varies:
            self.terms.append(term)
            return
        own = term.points({}, term.inner.fixed)
        self.fixed = Points(self.fixed.roots + own.roots, self.fixed.nodes + own.nodes)


@dataclass(frozen=True, slots=True)
class Term:
    """One field or fragment, and what is below it."""

    size: Size
    inner: Plan
    conditions: tuple[Condition, ...]
    is_root: bool = False

    def points(self, variables: Variables, inner: Points) -> Points:
        """The points of the term, given those of one item below it."""
        size = self.size
        nodes = size.of(variables) * (1 + inner.nodes) if size.multiplies else inner.nodes
        return Points(inner.roots + self.is_root, nodes)


@dataclass(frozen=True, slots=True)
class Condition:
    """`@include(if: $variable)`, or `@skip` with `wanted` false."""

    variable: str
    wanted: bool

    def holds(self, variables: Variables) -> bool:
        """Whether the field is asked for."""
        return bool(variables.get(self.variable)) is self.wanted


@dataclass(frozen=True, slots=True)
class Size:
    """By how much a field multiplies what is below it."""

    field: str
    first: ValueNode | None = None
    last: ValueNode | None = None
    ids: ValueNode | None = None
    multiplies: bool = True

    def of(self, variables: Variables) -> int:
        """The size for these variables. Raises PageSizeInvalid."""
        if self.ids is not None:
            ids = _value(self.ids, variables)
            return len(ids) if isinstance(ids, Sequence) and not isinstance(ids, str) else 1
        return page_size(_value(self.first, variables), _value(self.last, variables), self.field)

    @property
    def varies(self) -> bool:
        """Whether a variable decides the size."""
        return any(isinstance(node, VariableNode) for node in (self.first, self.last, self.ids))


ONE = Size("", multiplies=False)


def _value(node: ValueNode | None, variables: Variables) -> Any:
    if isinstance(node, VariableNode):
        return variables.get(node.name.value)
    if isinstance(node, IntValueNode):
        return int(node.value)
    return node.values if isinstance(node, ListValueNode) else None


class Planner:
    """Makes the plans of one document's operations; validation has passed."""

    def __init__(self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode]) -> None:
        self._schema = schema
        self._fragments = fragments
        self._plans: dict[tuple[str, bool], Plan] = {}

    def operation(self, node: OperationDefinitionNode) -> Plan:
        """The plan of an operation. Raises PageSizeInvalid where a literal page size is wrong."""
        return self._selection(node.selection_set, self._schema.get_root_type(node.operation), True)

    def _selection(self, selection_set: SelectionSetNode | None, parent: Any, is_root: bool) -> Plan:
        plan = Plan()
        for node in selection_set.selections if selection_set else ():
            conditions = _conditions(node.directives)
            if conditions is None:
                continue
            if isinstance(node, FieldNode):
                if not node.name.value.startswith("__"):
                    plan.add(self._field(node, parent, is_root, conditions))
            elif isinstance(node, FragmentSpreadNode):
                plan.add(Term(ONE, self._fragment(node.name.value, is_root), conditions))
            elif isinstance(node, InlineFragmentNode):
                on = self._schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                plan.add(Term(ONE, self._selection(node.selection_set, on, is_root), conditions))
        return plan

    def _field(self, node: FieldNode, parent: Any, is_root: bool, conditions: tuple[Condition, ...]) -> Term:
        name = node.name.value
        kind = get_named_type(parent.fields[name].type)
        size = ONE
        if is_connection(kind) or (is_root and name == "nodes"):
            given = {argument.name.value: argument.value for argument in node.arguments or ()}
            size = Size(name, given.get("first"), given.get("last"), given.get("ids"))
        return Term(size, self._selection(node.selection_set, kind, False), conditions, is_root)

    def _fragment(self, name: str, is_root: bool) -> Plan:
        plan = self._plans.get((name, is_root))
        if plan is None:
            definition = self._fragments[name]
            on = self._schema.get_type(definition.type_condition.name.value)
            plan = self._plans[name, is_root] = self._selection(definition.selection_set, on, is_root)
        return plan


def _conditions(directives: Sequence[DirectiveNode] | None) -> tuple[Condition, ...] | None:
    """What must hold for the field to be asked for; None where it never is."""
    conditions = []
    for directive in directives or ():
        if directive.name.value not in ("include", "skip"):
            continue
        wanted = directive.name.value == "include"
        value = directive.arguments[0].value if directive.arguments else None
        if isinstance(value, VariableNode):
            conditions.append(Condition(value.name.value, wanted))
        elif isinstance(value, BooleanValueNode) and value.value is not wanted:
            return None
    return tuple(conditions)
