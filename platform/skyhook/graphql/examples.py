"""What plugins offer to be tried: their examples, read against the schema that they are to fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from graphql import (
    FieldNode,
    GraphQLEnumType,
    GraphQLError,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLSchema,
    ObjectFieldNode,
    OperationDefinitionNode,
    OperationType,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
    parse,
    type_from_ast,
    validate,
    value_from_ast_untyped,
    visit,
)
from graphql.execution.values import get_variable_values

from skyhook.plugins.manifest import Example

JOB = "Job"


class ExampleBroken(Exception):
    """An example does not fit the schema; its text says why."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of an example's document."""

    name: str
    type: str
    """The name of its type, without what says that it is a list, or needed."""
    is_list: bool
    is_leaf: bool
    """Whether it is one value: a scalar or an enum's."""
    is_required: bool
    description: str
    """What the schema says of the place where it is used."""
    choices: Sequence[tuple[str, str]]
    """The values of an enum, each with what it means."""
    value: Any
    """What it is at first; None where it is left out."""


@dataclass(frozen=True, slots=True)
class ReadExample:
    """An example that fits the schema, with what its document says."""

    example: Example
    kind: OperationType
    fields: Sequence[str]
    """The root fields that it asks for."""
    is_job: bool
    """Whether the answer is a Job, which is to be watched."""
    variables: Sequence[Variable]


def read(schema: GraphQLSchema, example: Example) -> ReadExample:
    """An example's document and variables. Raises ExampleBroken, with what is wrong and where."""
    try:
        return _read(schema, example)
    except ExampleBroken as error:
        raise ExampleBroken(f"its example {example.slug}: {error}") from error
    except GraphQLError as error:
        place = "".join(f" (line {one.line}, column {one.column})" for one in (error.locations or ())[:1])
        raise ExampleBroken(f"its example {example.slug}: {error.message}{place}") from error


def _read(schema: GraphQLSchema, example: Example) -> ReadExample:
    document = parse(example.document)
    if errors := validate(schema, document):
        raise errors[0]
    operations = [node for node in document.definitions if isinstance(node, OperationDefinitionNode)]
    if len(operations) != 1 or operations[0].name is None:
        raise ExampleBroken("its document must have one operation, with a name")
    operation = operations[0]
    _check_values(schema, operation, dict.fromkeys(example.files, "") | dict(example.variables))
    fields = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    root = schema.get_root_type(operation.operation)
    assert root is not None  # the document is valid
    kinds = [root.fields[node.name.value].type for node in fields if node.name.value in root.fields]
    is_job = any(get_named_type(kind).name == JOB for kind in kinds)
    if is_job and len(fields) > 1:
        raise ExampleBroken("a document that gives a Job asks for nothing else")
    if is_job and _selected(fields, [*_key(fields[0]), "id"]) is None:
        raise ExampleBroken("its document must ask for the `id` of the Job")
    if example.text and _selected(fields, example.text.split(".")) is None:
        raise ExampleBroken(f"its text {example.text!r} is no field that its document asks for")
    variables = list(_variables(schema, operation, example.variables))
    _check_uses(schema, example, {variable.name: variable for variable in variables})
    return ReadExample(example, operation.operation, [node.name.value for node in fields], is_job, variables)


def _check_values(
    schema: GraphQLSchema, operation: OperationDefinitionNode, values: Mapping[str, Any]
) -> None:
    """Whether the variables are JSON, are those of the document, and fit their types."""
    known = {node.variable.name.value for node in operation.variable_definitions or ()}
    if unknown := sorted(values.keys() - known):
        raise ExampleBroken(f"its document has no variable ${unknown[0]}")
    try:
        given = msgspec.json.decode(msgspec.json.encode(values))
    except TypeError as error:
        raise ExampleBroken(f"its variables must be JSON: {error}") from error
    coerced = get_variable_values(schema, operation.variable_definitions or (), given)
    if isinstance(coerced, list):
        raise coerced[0]


def _check_uses(schema: GraphQLSchema, example: Example, variables: Mapping[str, Variable]) -> None:
    """Whether what the example says of variables is true of them."""
    for name in filter(None, (example.model, *example.files, example.conversation)):
        if name not in variables:
            raise ExampleBroken(f"its document has no variable ${name}")
    if example.model and (variables[example.model].type != "String" or variables[example.model].is_list):
        raise ExampleBroken(f"${example.model} must be a String to name a model")
    for name in example.files:
        if variables[name].type != "ID" or variables[name].is_list:
            raise ExampleBroken(f"${name} must be an ID to take an artifact")
    if stray := sorted(example.samples.keys() - example.files.keys()):
        raise ExampleBroken(f"${stray[0]} has a sample, and takes no artifact")
    if example.conversation:
        messages = variables[example.conversation]
        kind = schema.get_type(messages.type)
        fields = kind.fields if isinstance(kind, GraphQLInputObjectType) else {}
        if not messages.is_list or not {"role", "content"} <= fields.keys() or not messages.value:
            raise ExampleBroken(
                f"${example.conversation} must be a list of objects with `role` and `content`, "
                "and have one to begin with"
            )
        if not example.text:
            raise ExampleBroken("a conversation needs the place of the answer's text")


def _key(node: FieldNode) -> list[str]:
    return [(node.alias or node.name).value]


def _selected(fields: Sequence[FieldNode], path: Sequence[str]) -> FieldNode | None:
    """The field at a path of the answer, where the document itself asks for it."""
    for node in fields:
        if _key(node) == [path[0]]:
            if len(path) == 1:
                return node
            below = node.selection_set.selections if node.selection_set else ()
            return _selected([one for one in below if isinstance(one, FieldNode)], path[1:])
    return None


def _variables(
    schema: GraphQLSchema, operation: OperationDefinitionNode, values: Mapping[str, Any]
) -> Iterator[Variable]:
    descriptions = _Descriptions(TypeInfo(schema))
    visit(operation, TypeInfoVisitor(descriptions.types, descriptions))
    for node in operation.variable_definitions or ():
        name = node.variable.name.value
        kind: GraphQLInputType = type_from_ast(schema, node.type)  # type: ignore[assignment]
        named = get_named_type(kind)
        is_list = is_list_type(kind.of_type if is_non_null_type(kind) else kind)
        choices = named.values.items() if isinstance(named, GraphQLEnumType) else ()
        default = value_from_ast_untyped(node.default_value) if node.default_value else None
        yield Variable(
            name=name,
            type=named.name,
            is_list=is_list,
            is_leaf=not is_list and is_leaf_type(named),
            is_required=is_non_null_type(kind) and node.default_value is None,
            description=descriptions.found.get(name, ""),
            choices=[(choice, value.description or "") for choice, value in choices],
            value=values.get(name, default),
        )


class _Descriptions(Visitor):
    """What the schema says of the places where variables are used; the first of them counts."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.found: dict[str, str] = {}

    def enter_argument(self, node: Any, *_: Any) -> None:
        """An argument that is a variable."""
        argument = self.types.get_argument()
        if isinstance(node.value, VariableNode) and argument is not None:
            self.found.setdefault(node.value.name.value, argument.description or "")

    def enter_object_field(self, node: ObjectFieldNode, *_: Any) -> None:
        """A field of an input object that is a variable."""
        parent = self.types.get_parent_input_type()
        kind = get_named_type(parent) if parent is not None else None
        if isinstance(node.value, VariableNode) and isinstance(kind, GraphQLInputObjectType):
            field = kind.fields.get(node.name.value)
            self.found.setdefault(node.value.name.value, (field and field.description) or "")
