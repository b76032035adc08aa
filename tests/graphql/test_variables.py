"""Prepared variables give what graphql-core gives, for values that fit and for those that do not."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import build_schema, get_variable_values, parse
from hypothesis import given
from hypothesis import strategies as some

from skyhook.graphql.variables import Variables

SCHEMA = build_schema("""
  enum Colour { RED GREEN }
  scalar Anything
  input Point { x: Int!, y: Float = 1.5, note: String }
  input Shape { name: String!, points: [Point!]!, colour: Colour = RED, tags: [String], extra: Anything }
  input Tree { value: Int, below: [Tree!] }
  input Either @oneOf { a: Int, b: String }
  type Query {
    draw(shape: Shape!, count: Int, ids: [ID!], on: Boolean, tree: Tree, either: Either, deep: [[Int]]): Int
  }
""")
OPERATION = parse("""query (
  $shape: Shape!, $count: Int, $ids: [ID!], $on: Boolean, $more: Int = 3, $deep: [[Int]]
) { draw(shape: $shape, count: $count, ids: $ids, on: $on, deep: $deep) }""").definitions[0]

json = some.recursive(
    some.none() | some.booleans() | some.integers(-(2**33), 2**33) | some.floats() | some.text(max_size=3),
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(max_size=2), inner, max_size=3),
    max_leaves=5,
)


def mostly(right: some.SearchStrategy[Any]) -> some.SearchStrategy[Any]:
    return some.one_of(right, right, right, json)


points = some.fixed_dictionaries(
    {"x": mostly(some.integers(-9, 9))},
    optional={"y": mostly(some.floats(-1, 1)), "note": mostly(some.text())},
)
shapes = some.fixed_dictionaries(
    {"name": mostly(some.text(max_size=3)), "points": mostly(some.lists(mostly(points), max_size=3))},
    optional={
        "colour": mostly(some.sampled_from(["RED", "GREEN"])),
        "tags": mostly(some.lists(some.text(max_size=3) | some.none(), max_size=3)),
        "extra": json,
        "unknown": some.just(1),
    },
)
inputs = some.fixed_dictionaries(
    {"shape": mostly(shapes)},
    optional={
        "count": mostly(some.integers(-9, 9)),
        "ids": mostly(some.lists(some.text(max_size=3) | some.integers(0, 9), max_size=3)),
        "on": mostly(some.booleans()),
        "more": mostly(some.integers(-9, 9)),
        "deep": mostly(some.lists(some.lists(some.integers(0, 9) | some.none(), max_size=2), max_size=2)),
    },
)


def told(values: Any) -> Any:
    """Values or errors as something that can be compared, NaN included."""
    if isinstance(values, list):
        return [error.message for error in values]
    return repr((values.coerced, {name: source.value for name, source in values.sources.items()}))


@given(inputs)
def test_they_are_coerced_as_graphql_core_does_it(given: dict[str, Any]) -> None:
    expected = get_variable_values(SCHEMA, OPERATION.variable_definitions, given, max_errors=10)
    assert told(Variables(SCHEMA, OPERATION).coerce(given, 10)) == told(expected)


@pytest.mark.parametrize(
    ("document", "given"),
    [
        ("query ($tree: Tree) { draw(tree: $tree) }", {"tree": {"value": 1, "below": [{"value": 2}]}}),
        ("query ($either: Either) { draw(either: $either) }", {"either": {"a": 1}}),
        ("query ($either: Either) { draw(either: $either) }", {"either": {"a": 1, "b": "x"}}),
        ("query ($count: Nothing) { draw(count: $count) }", {"count": 1}),
        ("{ draw }", {"count": 1}),
    ],
)
def test_forms_that_are_not_prepared_are_left_to_graphql_core(document: str, given: dict[str, Any]) -> None:
    node = parse(document).definitions[0]
    expected = get_variable_values(SCHEMA, node.variable_definitions or (), given, max_errors=10)
    assert told(Variables(SCHEMA, node).coerce(given, 10)) == told(expected)


def test_a_usual_request_never_reaches_graphql_core(monkeypatch: pytest.MonkeyPatch) -> None:
    prepared = Variables(SCHEMA, OPERATION)
    monkeypatch.setattr("skyhook.graphql.variables.get_variable_values", None)
    values = prepared.coerce({"shape": {"name": "a", "points": [{"x": 1}]}, "more": 1}, 10)
    assert told(values) == repr(
        (
            {"shape": {"name": "a", "points": [{"x": 1, "y": 1.5}], "colour": "RED"}, "more": 1},
            {
                "shape": {"name": "a", "points": [{"x": 1}]},
                "count": values.sources["count"].value,
                "ids": values.sources["ids"].value,
                "on": values.sources["on"].value,
                "more": 1,
                "deep": values.sources["deep"].value,
            },
        )
    )
