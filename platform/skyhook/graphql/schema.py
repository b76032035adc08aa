"""One schema from the core's parts and the plugins', or an error that names who does not fit."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import strawberry
from graphql import GraphQLNamedType, is_introspection_type, is_specified_scalar_type
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition, has_object_definition
from strawberry.types.field import StrawberryField

from skyhook.graphql.examples import ExampleBroken, ReadExample, read
from skyhook.graphql.inputs import prepare_inputs
from skyhook.graphql.nodes import NodeQuery
from skyhook.graphql.pages import check_pages, count_nodes, describe_pages
from skyhook.graphql.scalars import SCALARS
from skyhook.plugins.manifest import Plugin

Kind: TypeAlias = Literal["query", "mutation", "subscription"]
KINDS: tuple[Kind, ...] = ("query", "mutation", "subscription")

_DESCRIPTIONS: dict[Kind, str] = {
    "query": "What can be read.",
    "mutation": "What can be done.",
    "subscription": "What can be watched.",
}


class SchemaError(Exception):
    """A part does not fit into the schema. `plugin` names it, so that the host can go on without it."""

    def __init__(self, part: Fields, problem: str) -> None:
        super().__init__(f"{part.title}: {problem}")
        self.plugin = part.name if part.is_plugin else None
        self.problem = problem


class Collision(SchemaError):
    """Two parts bring a root field or a type of the same name."""


class Undocumented(SchemaError):
    """A root field or a type of a part has no description."""


class Untriable(SchemaError):
    """An example of a plugin's playground does not fit the schema."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The root fields of one part: Strawberry classes, each field of which becomes a root field."""

    name: str
    query: type | None = None
    mutation: type | None = None
    subscription: type | None = None
    types: tuple[type, ...] = ()
    """Types that no field names, such as those that only `node(id:)` returns."""
    is_plugin: bool = False

    @property
    def title(self) -> str:
        """How errors name the part."""
        return f"{'plugin' if self.is_plugin else 'core part'} {self.name!r}"


NODES = Fields("nodes", query=NodeQuery)


def compose(core: Sequence[Fields], plugins: Sequence[Plugin]) -> strawberry.Schema:
    """The schema of all parts. Raises SchemaError, which names a plugin that is at fault.

    Parts are taken in their order: the later one of two that collide is at fault.
    """
    parts = [NODES, *core, *map(_fields, plugins)]
    fields: dict[tuple[Kind, str], Fields] = {}
    types: dict[str, tuple[Fields, Any]] = {}
    for part in parts:
        _claim_fields(part, fields)
        _claim_types(part, types)
    schema = _build({kind: [cls for part in parts if (cls := getattr(part, kind))] for kind in KINDS}, parts)
    count_nodes(schema._schema)
    describe_pages(schema._schema)
    prepare_inputs(schema)
    return schema


def _build(roots: dict[Kind, list[type]], parts: Sequence[Fields]) -> strawberry.Schema:
    merged = {kind: _merge(kind, classes) for kind, classes in roots.items() if classes}
    return strawberry.Schema(
        query=merged["query"],
        mutation=merged.get("mutation"),
        subscription=merged.get("subscription"),
        types=[one for part in parts for one in part.types],
        config=StrawberryConfig(scalar_map=SCALARS),
    )


def _merge(kind: Kind, classes: list[type]) -> type:
    """One root type with the fields of all classes.

    A class that inherits from them, as `strawberry.tools.merge_types` makes, would lose one of two
    fields whose GraphQL names differ while their Python names are the same.
    """
    merged: Any = strawberry.type(type(kind.capitalize(), (), {}), description=_DESCRIPTIONS[kind])
    merged.__strawberry_definition__.fields = [field for one in classes for field in _definition(one).fields]
    result: type = merged
    return result


def _definition(cls: Any) -> StrawberryObjectDefinition:
    definition: StrawberryObjectDefinition = cls.__strawberry_definition__
    return definition


def root_fields(plugin: Plugin) -> list[tuple[Kind, str, str]]:
    """The root fields that a plugin brings: of what kind, by what name, and what each does."""
    part = _fields(plugin)
    return [
        (kind, name, field.description or "") for kind in KINDS for name, field in _root_fields(part, kind)
    ]


def examples(schema: strawberry.Schema, plugin: Plugin) -> list[ReadExample]:
    """What can be tried of a plugin, read against a schema that has its fields. Raises Untriable."""
    try:
        return [read(schema._schema, example) for example in plugin.playground]
    except ExampleBroken as error:
        raise Untriable(_fields(plugin), str(error)) from error


def _fields(plugin: Plugin) -> Fields:
    return Fields(plugin.name, plugin.query, plugin.mutation, plugin.subscription, is_plugin=True)


def _claim_fields(part: Fields, claimed: dict[tuple[Kind, str], Fields]) -> None:
    for kind in KINDS:
        for name, field in _root_fields(part, kind):
            owner = claimed.setdefault((kind, name), part)
            if owner is not part:
                raise Collision(part, f"its {kind} field {name!r} is already that of {owner.title}")
            if part.is_plugin and not _carries(name, part.name):
                raise SchemaError(
                    part,
                    f"its {kind} field {name!r} must begin with the plugin's name, as in "
                    f"{part.name + name[:1].upper() + name[1:]!r}",
                )
            if field.base_resolver is None:
                raise SchemaError(part, f"its {kind} field {name!r} has no resolver")
            if not field.description:
                raise Undocumented(part, f"its {kind} field {name!r} has no description")


def _root_fields(part: Fields, kind: Kind) -> Iterator[tuple[str, StrawberryField]]:
    cls = getattr(part, kind)
    if cls is None:
        return
    if not has_object_definition(cls) or _definition(cls).is_input:
        raise SchemaError(part, f"its {kind} {cls!r} is not a class marked with @strawberry.type")
    names = StrawberryConfig().name_converter
    for field in _definition(cls).fields:
        yield names.from_field(field), field


def _carries(field: str, plugin: str) -> bool:
    rest = field.removeprefix(plugin)
    return field.startswith(plugin) and not rest[:1].islower()


def _claim_types(part: Fields, claimed: dict[str, tuple[Fields, Any]]) -> None:
    """Claims the types that a part's fields lead to."""
    for name, identity, description in _types_of(part):
        owner, known = claimed.setdefault(name, (part, identity))
        if known is not identity:
            raise Collision(part, f"its type {name!r} is already that of {owner.title}")
        if owner is part and not description:
            raise Undocumented(part, f"its type {name!r} has no description")


@functools.cache
def _types_of(part: Fields) -> list[tuple[str, Any, str | None]]:
    """The types that a part's fields lead to, from a schema of that part alone: name, object, description.

    Kept, since schemas are composed several times of the same parts. Raises SchemaError.
    """
    try:
        schema = _build(
            {kind: [cls] if (cls := getattr(part, kind)) else [] for kind in KINDS} | {"query": _query(part)},
            [part],
        )
    except Exception as error:
        raise SchemaError(part, f"its schema cannot be built: {error}") from error
    found = []
    for name, concrete in schema.schema_converter.type_map.items():
        kind = schema._schema.get_type(name)
        if kind is None or name in ("Query", "Mutation", "Subscription") or _is_built_in(kind):
            continue
        found.append((name, _identity(concrete.definition), kind.description))
    if problem := check_pages(schema._schema):
        raise SchemaError(part, problem)
    return found


def _query(part: Fields) -> list[type]:
    # GraphQL asks for a query type; `node(id:)` also keeps the part's nodes reachable.
    return [NodeQuery] if part.query in (None, NodeQuery) else [NodeQuery, part.query]


def _is_built_in(kind: GraphQLNamedType) -> bool:
    return is_specified_scalar_type(kind) or is_introspection_type(kind)


def _identity(definition: Any) -> Any:
    """The Python object behind a GraphQL type: the same one in two parts is no collision."""
    generic = getattr(definition, "concrete_of", None)
    if generic is not None:  # made anew for each schema; its arguments are types with names of their own
        return generic.origin
    for attribute in ("origin", "wrapped_cls"):
        if (found := getattr(definition, attribute, None)) is not None:
            return found
    return definition
