"""Prepared selections answer what graphql-core's executor answers, whatever the resolvers return."""

from __future__ import annotations

import asyncio
import inspect
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
import strawberry
from graphql import FragmentDefinitionNode, default_field_resolver, default_type_resolver, parse
from graphql.execution.collect_fields import FragmentDetails
from hypothesis import given
from hypothesis import strategies as some
from strawberry.scalars import JSON

from skyhook.graphql.selections import Executor, Selections
from skyhook.graphql.variables import Variables


@strawberry.enum
class Colour(Enum):
    RED = "red"
    GREEN = "green"


@strawberry.interface
class Named:
    name: str


@strawberry.type
class Point(Named):
    x: int
    y: float | None
    at: datetime | None = None


@strawberry.type
class Shape:
    id: strawberry.ID
    points: list[Point]
    colour: Colour
    extra: JSON
    tags: list[str | None] | None
    on: bool
    first: Point | None

    @strawberry.field
    def size(self) -> int:
        return len(self.points)


@strawberry.type
class Query:
    @strawberry.field
    async def shape(self, info: strawberry.Info) -> Shape | None:
        return info.context

    @strawberry.field
    def shapes(self, info: strawberry.Info) -> list[Shape]:
        return info.context

    @strawberry.field
    def named(self, info: strawberry.Info) -> Named:
        return info.context

    @strawberry.field
    def number(self, info: strawberry.Info) -> int:
        return info.context


SCHEMA = strawberry.Schema(Query)
PLAIN = "id points { name x y at } colour extra tags on first { x __typename }"
DOCUMENTS = [
    "{ shape { %s } }" % PLAIN,  # noqa: UP031
    "{ shapes { %s } again: shapes { id size } }" % PLAIN,  # noqa: UP031
    "{ shape { kind: __typename ...Rest first { y } } } fragment Rest on Shape { first { x } ... { on } }",
    "{ shape { id first @skip(if: true) { x } on @include(if: false) } }",
    "{ named { name ... on Point { x } } }",
    "{ number }",
]

odd = some.one_of(
    some.none(), some.booleans(), some.integers(-(2**32), 2**32), some.floats(), some.text(max_size=2),
    some.builds(ValueError, some.text(max_size=2)), some.lists(some.integers(), max_size=2),
)  # fmt: skip


def mostly(right: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    return some.one_of(*[right] * 9, odd)


points = some.builds(
    Point,
    name=mostly(some.text(max_size=2)),
    x=mostly(some.integers(-9, 9)),
    y=mostly(some.floats(-1, 1)),
    at=mostly(some.datetimes()),
)
shapes = some.builds(
    Shape,
    id=mostly(some.text(max_size=3)),
    points=mostly(some.lists(mostly(points), max_size=3)),
    colour=mostly(some.sampled_from(Colour)),
    extra=mostly(some.dictionaries(some.text(max_size=2), some.integers(), max_size=2)),
    tags=mostly(some.lists(some.text(max_size=2) | some.none(), max_size=2)),
    on=mostly(some.booleans()),
    first=mostly(points),
)
values = some.one_of(mostly(shapes), mostly(some.lists(mostly(shapes), max_size=3)), points, odd)


def execute(document: str, value: Any, *, prepared: bool) -> Any:
    """The data and the errors of a query whose resolvers return `value`."""
    parsed = parse(document)
    node = parsed.definitions[0]
    fragments = {one.name.value: one for one in parsed.definitions if isinstance(one, FragmentDefinitionNode)}
    selections = Selections(node, fragments)
    if not prepared:
        selections.completer = lambda *_: None  # type: ignore[method-assign]
    executor = Executor(
        selections,
        SCHEMA._schema,
        fragments,
        {name: FragmentDetails(one, None) for name, one in fragments.items()},
        None,
        value,
        node,
        Variables(SCHEMA._schema, node).coerce({}, 1),
        default_field_resolver,
        default_type_resolver,
        default_field_resolver,
    )
    return executor.execute_operation()


async def answer(document: str, value: Any, *, prepared: bool) -> str:
    result = execute(document, value, prepared=prepared)
    if inspect.isawaitable(result):
        result = await result
    errors = [(str(error), error.path) for error in result.errors or ()]
    return repr((result.data, errors))


@pytest.mark.parametrize("document", DOCUMENTS)
@given(value=values)
def test_they_answer_and_fail_as_graphql_core_does(document: str, value: Any) -> None:
    expected = asyncio.run(answer(document, value, prepared=False))
    assert asyncio.run(answer(document, value, prepared=True)) == expected


async def test_a_plain_selection_never_reaches_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    point = Point(name="a", x=1, y=0.5)
    shape = Shape(
        id=strawberry.ID("1"),
        points=[point],
        colour=Colour.RED,
        extra={"a": 1},
        tags=["b", None],
        on=True,
        first=point,
    )
    expected = await answer(DOCUMENTS[0], shape, prepared=False)
    asked: list[str] = []
    plain = Executor.execute_field

    def execute_field(self: Executor, parent: Any, source: Any, fields: Any, *rest: Any) -> Any:
        asked.append(fields[0].node.name.value)
        return plain(self, parent, source, fields, *rest)

    monkeypatch.setattr(Executor, "execute_field", execute_field)
    assert await answer(DOCUMENTS[0], shape, prepared=True) == expected
    assert asked == ["shape"]
