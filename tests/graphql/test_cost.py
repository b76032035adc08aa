"""What a request costs before it runs."""

from __future__ import annotations

from typing import Any

import pytest
from graphql import get_introspection_query
from hypothesis import given
from hypothesis import strategies as st

from skyhook.graphql.context import Context
from skyhook.graphql.cost import PageSizeInvalid, Points
from skyhook.graphql.documents import prepare
from skyhook.graphql.engine import ANSWERS, STREAMS, Engine, Request
from skyhook.graphql.limits import Limits
from skyhook.operations.rate import RateState

from .example import CALLER, SCHEMA, Budget, Services

PAGE = "edges { node { value } }"


def points(query: str, variables: dict[str, Any] | None = None) -> Points:
    (operation,) = prepare(SCHEMA._schema, query, Limits()).values()
    return operation.plan.points(operation.coerced(variables or {}).coerced)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("{ hello }", (1, 0)),
        ("{ hello me again: hello }", (3, 0)),
        ("{ __typename __schema { types { name } } }", (0, 0)),
        (f"{{ numbers(first: 10) {{ {PAGE} }} }}", (1, 10)),
        (f"{{ numbers(last: 7) {{ {PAGE} }} }}", (1, 7)),
        (f"{{ numbers(first: null, last: 7) {{ {PAGE} }} }}", (1, 7)),
        (f"{{ numbers(first: 10) {{ edges {{ node {{ below(first: 5) {{ {PAGE} }} }} }} }} }}", (1, 60)),
        (
            "{ numbers(first: 10) { edges { node { following { "
            f"below(first: 5) {{ {PAGE} }} }} }} }} }} }}",
            (1, 60),
        ),
        (f"{{ ...F }} fragment F on Query {{ hello numbers(first: 10) {{ {PAGE} }} }}", (2, 10)),
        (f"{{ ... on Query {{ hello numbers(first: 10) {{ {PAGE} }} }} }}", (2, 10)),
        (f"{{ ... {{ numbers(first: 10) {{ {PAGE} }} }} }}", (1, 10)),
        (
            "{ numbers(first: 10) { edges { node { ...N } } } } "
            f"fragment N on Number {{ below(first: 5) {{ {PAGE} }} }}",
            (1, 60),
        ),
        (f"{{ numbers(first: 10) @include(if: false) {{ {PAGE} }} hello @skip(if: true) me }}", (1, 0)),
        (f"{{ numbers(first: 10) @include(if: true) {{ {PAGE} }} }}", (1, 10)),
        ("{ ...F @skip(if: true) me } fragment F on Query { hello }", (1, 0)),
        ('{ nodes(ids: ["a", "b", "c"]) { id } }', (1, 3)),
        ('{ nodes(ids: "a") { id } }', (1, 1)),
        ('mutation { record(input: {name: "x", amount: 1}) { name } }', (1, 0)),
        ("subscription { count(to: 1) }", (1, 0)),
    ],
)
def test_the_cost_of_a_query(query: str, expected: tuple[int, int]) -> None:
    assert points(query) == expected


def test_the_cost_follows_the_variables() -> None:
    query = f"""query ($outer: Int!, $inner: Int = 3, $with: Boolean!, $without: Boolean = false) {{
      numbers(first: $outer) {{ edges {{ node {{ ...Inner @include(if: $with) }} }} }}
      hello @skip(if: $without)
    }}
    fragment Inner on Number {{ below(first: $inner) {{ {PAGE} }} }}"""
    assert points(query, {"outer": 10, "with": True}) == (2, 40)
    assert points(query, {"outer": 10, "inner": 5, "with": True}) == (2, 60)
    assert points(query, {"outer": 10, "inner": 5, "with": False, "without": True}) == (1, 10)
    assert points("query ($ids: [ID!]!) { nodes(ids: $ids) { id } }", {"ids": ["a", "b"]}) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "variables", "field"),
    [
        ("", {}, "first"),
        ("(first: null)", {}, "first"),
        ("(first: 1, last: 1)", {}, "last"),
        ("(first: 0)", {}, "first"),
        ("(first: 101)", {}, "first"),
        ("(first: -1)", {}, "first"),
        ("(last: 101)", {}, "last"),
        ("(first: $n)", {}, "first"),
        ("(first: $n)", {"n": 101}, "first"),
        ("(last: $n)", {"n": 0}, "last"),
    ],
)
def test_a_page_needs_one_size_from_1_to_100(arguments: str, variables: dict[str, Any], field: str) -> None:
    declared = "query ($n: Int) " if "$n" in arguments else ""
    with pytest.raises(PageSizeInvalid) as caught:
        points(f"{declared}{{ numbers{arguments} {{ {PAGE} }} }}", variables)
    assert caught.value.field == field


def test_a_page_that_is_skipped_needs_no_size() -> None:
    query = f"query ($n: Int, $with: Boolean!) {{ me numbers(first: $n) @include(if: $with) {{ {PAGE} }} }}"
    assert points(query, {"with": False}) == (1, 0)


def test_fragments_that_spread_each_other_are_costed_in_no_time() -> None:
    levels = 30
    fragments = " ".join(
        f"fragment F{level} on Number {{ following {{ ...F{level + 1} }} {'...F%d ' % (level + 1) * 3} }}"  # noqa: UP031
        for level in range(levels)
    )
    last = f"fragment F{levels} on Number {{ below(first: $n) {{ {PAGE} }} }}"
    query = f"query ($n: Int!) {{ numbers(first: 1) {{ edges {{ node {{ ...F0 }} }} }} }} {fragments} {last}"
    (operation,) = prepare(SCHEMA._schema, query, Limits(depth=100)).values()
    assert operation.plan.points({"n": 1}) == (1, 1 + 4**levels)


@st.composite
def numbers_queries(draw: st.DrawFn, depth: int = 3) -> str:
    def page(left: int) -> str:
        size = draw(st.integers(1, 4))
        inner = "value"
        if left and draw(st.booleans()):
            inner += f" below({draw(st.sampled_from(['first', 'last']))}: {size}) {{ {page(left - 1)} }}"
        if left and draw(st.booleans()):
            inner += f" following {{ more: below(first: {size}) {{ {page(left - 1)} }} }}"
        return (
            f"edges {{ node {{ {inner} }} }}" if draw(st.booleans()) else f"edges {{ n: node {{ {inner} }} }}"
        )

    return f"{{ hello numbers(first: {draw(st.integers(1, 9))}) {{ {page(depth)} }} }}"


@given(numbers_queries())
async def test_a_query_never_returns_more_than_it_was_charged_for(query: str) -> None:
    budget = Budget(limit=10**9)
    engine = Engine(SCHEMA, budget, Limits(depth=50, aliases=100, points=10**9))
    context = Context(caller=CALLER, request_id="", client_address="", services=Services())
    run = await engine.admit(Request(query), context, ANSWERS)
    answer = await run.answer()
    cost = answer["extensions"]["cost"]["query"]
    assert cost["actual"] == 2 + nodes_of(answer["data"])
    assert cost["requested"] >= cost["actual"]
    assert budget.used == cost["actual"]


def nodes_of(value: Any) -> int:
    if isinstance(value, list):
        return sum(nodes_of(one) for one in value)
    if isinstance(value, dict):
        return len(value.get("edges", ())) + sum(nodes_of(one) for one in value.values())
    return 0


async def test_a_stream_that_is_refused_its_points_gives_none_back() -> None:
    budget = Budget(limit=15)
    engine = Engine(SCHEMA, budget, Limits())
    context = Context(caller=CALLER, request_id="", client_address="", services=Services())
    query = "subscription { eachNumber { below(first: 10) { pageInfo { endCursor } } } }"
    run = await engine.admit(Request(query), context, STREAMS)
    payloads = [payload async for payload in run.events()]
    assert payloads[-1]["errors"][0]["extensions"]["code"] == "RATE_LIMITED"
    assert run.cost()["query"]["requested"] == 11
    assert budget.used == run.cost()["query"]["actual"]


async def test_the_schema_is_read_once_for_each_document() -> None:
    engine = Engine(SCHEMA, Budget(), Limits())
    query = get_introspection_query()
    answers = []
    for _ in range(2):
        context = Context(caller=None, request_id="", client_address="", services=Services())
        answers.append(await (await engine.admit(Request(query), context, ANSWERS)).answer())
    assert answers[0]["data"] is answers[1]["data"]
    for other in ("{ __typename hello }", "query ($w: Boolean!) { __typename @include(if: $w) }"):
        assert not engine.documents.operation(other, None).is_introspection


async def test_points_come_back_also_when_the_resolver_fails() -> None:
    budget = Budget()
    engine = Engine(SCHEMA, budget, Limits())
    context = Context(caller=CALLER, request_id="", client_address="", services=Services())
    run = await engine.admit(
        Request("{ brokenPromise numbers(first: 50) { pageInfo { endCursor } } }"), context, ANSWERS
    )
    await run.answer()
    assert (budget.used, budget.returned) == (2, 50)


async def test_nobodys_request_draws_from_no_budget() -> None:
    class Closed(Budget):
        async def take(self, caller: Any, points: int) -> RateState:
            raise AssertionError

    engine = Engine(SCHEMA, Closed(), Limits())
    context = Context(caller=None, request_id="", client_address="", services=Services())
    answer = await (await engine.admit(Request("{ hello }"), context, ANSWERS)).answer()
    assert answer["extensions"]["cost"]["query"]["limit"] is None
