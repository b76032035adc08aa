"""Documents prepared once: parsed, limited, validated and costed, and kept by their text."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

from graphql import (
    ExecutionResult,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    parse,
    specified_rules,
    validate,
)
from graphql.execution.collect_fields import FragmentDetails
from graphql.execution.values import VariableValues
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from skyhook.errors import SkyhookError
from skyhook.graphql.cost import Plan, Planner
from skyhook.graphql.errors import (
    OperationNotFound,
    ParseFailed,
    RequestRefused,
    ValidationFailed,
    variable_errors,
)
from skyhook.graphql.limits import Limits, QueryTooLong, check_shape
from skyhook.graphql.selections import Selections
from skyhook.graphql.variables import Variables

RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
_ERRORS_SHOWN = 10


@dataclass(slots=True)
class Operation:
    """One operation of a document, ready to run as often as it is asked for."""

    node: OperationDefinitionNode
    fragments: dict[str, FragmentDefinitionNode]
    details: dict[str, FragmentDetails]
    plan: Plan
    variables: Variables
    selections: Selections
    known_result: ExecutionResult | None = None
    """The result of an introspection, which is the same each time, takes long, and needs no key."""

    @property
    def is_introspection(self) -> bool:
        """Whether the operation reads the schema and nothing else, without variables."""
        return (
            self.kind is OperationType.QUERY
            and not self.node.variable_definitions
            and self.plan.fixed.roots == 0
            and not self.plan.terms
        )

    @property
    def kind(self) -> OperationType:
        """Query, mutation or subscription."""
        return self.node.operation

    def coerced(self, given: dict[str, Any]) -> VariableValues:
        """The variables that a request gives. Raises RequestRefused."""
        values = self.variables.coerce(given, _ERRORS_SHOWN)
        if isinstance(values, list):
            raise variable_errors(values)
        return values


class Documents:
    """The least recently used documents are dropped when all texts together grow over the limit."""

    def __init__(self, schema: GraphQLSchema, limits: Limits) -> None:
        self._schema = schema
        self._limits = limits
        self._known: OrderedDict[str, dict[str, Operation]] = OrderedDict()
        self._characters = 0
        self.hits = 0
        self.misses = 0

    def operation(self, text: str, name: str | None) -> Operation:
        """The operation that a request names. Raises RequestRefused."""
        operations = self._known.get(text)
        if operations is None:
            self.misses += 1
            operations = self._prepare(text)
            self._keep(text, operations)
        else:
            self.hits += 1
            self._known.move_to_end(text)
        if name is None and len(operations) == 1:
            return next(iter(operations.values()))
        operation = operations.get(name or "")
        if operation is None:
            names = ", ".join(sorted(operations)) or "none that has a name"
            raise RequestRefused.of(
                OperationNotFound(
                    f"Name one of the document's operations in `operationName`: {names}.",
                    field="operationName",
                )
            )
        return operation

    def _keep(self, text: str, operations: dict[str, Operation]) -> None:
        self._known[text] = operations
        self._characters += len(text)
        while self._characters > self._limits.cached_characters:
            dropped, _ = self._known.popitem(last=False)
            self._characters -= len(dropped)

    def _prepare(self, text: str) -> dict[str, Operation]:
        try:
            return prepare(self._schema, text, self._limits)
        except GraphQLSyntaxError as error:
            raise RequestRefused.located(ParseFailed, [error]) from error
        except SkyhookError as error:
            raise RequestRefused.of(error) from error


def prepare(schema: GraphQLSchema, text: str, limits: Limits) -> dict[str, Operation]:
    """The document's operations by name, "" for one without.

    Raises GraphQLSyntaxError, RequestRefused for what validation finds, and SkyhookError for limits.
    """
    if len(text) > limits.characters:
        raise QueryTooLong(
            f"The document has {len(text)} characters; {limits.characters} is the most. "
            "Send long inputs as variables."
        )
    document = _parse(text, limits)
    check_shape(document, limits)
    errors: list[GraphQLError] = validate(schema, document, RULES, max_errors=_ERRORS_SHOWN)
    if errors:
        raise RequestRefused.located(ValidationFailed, errors)
    fragments = {
        definition.name.value: definition
        for definition in document.definitions
        if isinstance(definition, FragmentDefinitionNode)
    }
    details = {name: FragmentDetails(definition, None) for name, definition in fragments.items()}
    planner = Planner(schema, fragments)
    return {
        definition.name.value if definition.name else "": Operation(
            definition,
            fragments,
            details,
            planner.operation(definition),
            Variables(schema, definition),
            Selections(definition, fragments),
        )
        for definition in document.definitions
        if isinstance(definition, OperationDefinitionNode)
    }


def _parse(text: str, limits: Limits) -> Any:
    try:
        return parse(text, max_tokens=limits.tokens)
    except GraphQLSyntaxError as error:
        if "tokens" in error.message and str(limits.tokens) in error.message:
            raise QueryTooLong(f"The document has more than {limits.tokens} tokens.") from error
        raise
