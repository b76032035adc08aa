"""Inputs are built as Strawberry builds them."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from strawberry.types.arguments import convert_argument

from skyhook.graphql.inputs import prepare_inputs


@strawberry.input
class Part:
    name: str
    global_id: strawberry.relay.GlobalID | None = None


@strawberry.input
class Whole:
    part: Part
    required_but_nullable: int | None
    parts: list[Part] = strawberry.field(default_factory=list)
    renamed: str = strawberry.field(name="other", default="default")
    numbers: list[int] | None = None
    free: strawberry.scalars.JSON | None = None


@strawberry.input
class Perhaps:
    text: strawberry.Maybe[str]


@strawberry.type
class Query:
    @strawberry.field
    def whole(self, whole: Whole, perhaps: Perhaps) -> str:
        return repr((whole, perhaps))


GLOBAL_ID = str(strawberry.relay.GlobalID("Thing", "7"))


@pytest.mark.parametrize(
    "given",
    [
        {"part": {"name": "a"}},
        {"part": {"name": "a", "globalId": GLOBAL_ID}, "requiredButNullable": 3, "other": "b"},
        {"part": {"name": "a"}, "parts": [{"name": "b"}, {"name": "c", "globalId": None}], "numbers": [1, 2]},
        {"part": {"name": "a"}, "free": {"deep": [{"camelCase": None}]}, "numbers": None},
    ],
)
def test_an_input_is_built_as_strawberry_builds_it(given: dict[str, Any]) -> None:
    schema = strawberry.Schema(Query)

    def build() -> Any:
        return convert_argument(given, Whole, schema.schema_converter.scalar_registry, schema.config)

    for cls in (Part, Whole):
        cls.__strawberry_definition__.from_input = None  # type: ignore[attr-defined]
    expected = build()
    prepare_inputs(schema)
    assert Whole.__strawberry_definition__.from_input is not None  # type: ignore[attr-defined]
    assert Perhaps.__strawberry_definition__.from_input is None  # type: ignore[attr-defined]
    assert build() == expected
