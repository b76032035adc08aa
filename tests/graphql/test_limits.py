"""What one request may not ask for."""

from __future__ import annotations

import time
from contextlib import suppress

import httpx
import pytest
from graphql import get_introspection_query

from skyhook.errors import SkyhookError
from skyhook.graphql.documents import Documents, prepare
from skyhook.graphql.errors import RequestRefused
from skyhook.graphql.limits import Limits, QueryTooDeep, QueryTooLong, TooManyAliases

from .example import SCHEMA


def check(query: str, limits: Limits) -> None:
    prepare(SCHEMA._schema, query, limits)


def nested(depth: int) -> str:
    return "{ numbers(first: 1) { edges { node { " + "following { " * (depth - 4) + "value" + " }" * depth


def test_depth_counts_fields_also_through_fragments() -> None:
    check(nested(12), Limits(depth=12))
    with pytest.raises(QueryTooDeep, match="13 fields deep; 12"):
        check(nested(13), Limits(depth=12))
    spread = (
        "{ numbers(first: 1) { edges { node { ...A } } } } "
        "fragment A on Number { following { ... on Number { ...B } } } fragment B on Number { value }"
    )
    check(spread, Limits(depth=5))
    with pytest.raises(QueryTooDeep):
        check(spread, Limits(depth=4))


def test_aliases_are_counted_each_time_they_are_spread() -> None:
    query = (
        "{ a: numbers(first: 1) { ...P } b: numbers(first: 1) { ...P } } "
        "fragment P on NumberConnection { c: edges { cursor } }"
    )
    check(query, Limits(aliases=4))
    with pytest.raises(TooManyAliases, match="4 aliases; 3"):
        check(query, Limits(aliases=3))


def test_characters_and_tokens_are_bounded() -> None:
    with pytest.raises(QueryTooLong, match="20 is the most"):
        check("{ hello }" + " " * 20, Limits(characters=20))
    check("{ hello }", Limits(tokens=3))
    with pytest.raises(QueryTooLong, match="more than 3 tokens"):
        check("{ hello me }", Limits(tokens=3))


def test_an_introspection_as_tools_send_it_passes() -> None:
    query = get_introspection_query(
        input_value_deprecation=True, schema_description=True, specified_by_url=True
    )
    check(query, Limits())


def test_an_introspection_that_multiplies_itself_is_refused() -> None:
    query = "{ __schema { types { fields { type { fields { type { fields { type { name } } } } } } } } }"
    with pytest.raises(RequestRefused, match="Maximum introspection depth exceeded"):
        check(query, Limits())


@pytest.mark.parametrize(
    "query",
    [
        "{ ...A } fragment A on Query { ...A }",
        "{ ...A } fragment A on Query { ...B } fragment B on Query { hello ...A }",
        "{ numbers(first: 1) { edges { node { ...A } } } } fragment A on Number { following { ...A ...A } }",
    ],
)
def test_fragments_in_a_circle_are_refused(query: str) -> None:
    with pytest.raises(RequestRefused, match="Cannot spread fragment"):
        check(query, Limits())


@pytest.mark.parametrize(
    "query",
    [
        "{" + " hello" * 1_900 + "}",
        "{" + " a: hello" * 600 + "}",
        "{" + " ...F" * 800 + "} fragment F on Query { hello }",
        "{" * 1_900,
        "{ numbers(first: 1) { edges { node " + "{ following " * 900 + "{ value }" + "}" * 903,
        "{ hello @include(if: " + "[" * 1_900,
        "{" + " hello @skip(if: false)" * 240 + "}",
    ],
)
def test_a_hostile_document_takes_little_time(query: str) -> None:
    started = time.process_time()
    with suppress(SkyhookError, RequestRefused):
        Documents(SCHEMA._schema, Limits(aliases=1_000, depth=1_000)).operation(query, None)
    assert time.process_time() - started < 1


def test_the_cache_drops_what_was_not_used_for_longest() -> None:
    documents = Documents(SCHEMA._schema, Limits(cached_characters=30))
    first, second, third = "{ hello }#1", "{ hello }#2", "{ hello }#3"
    for query in (first, second, first, third, first):
        documents.operation(query, None)
    assert (documents.hits, documents.misses) == (2, 3)
    documents.operation(second, None)
    assert documents.misses == 4


def test_a_document_that_is_wrong_is_not_kept() -> None:
    documents = Documents(SCHEMA._schema, Limits())
    for _ in range(2):
        with pytest.raises(RequestRefused):
            documents.operation("{ nothing }", None)
    assert (documents.hits, documents.misses) == (0, 2)


def test_a_query_that_costs_too_much_is_told_the_numbers(client: httpx.Client) -> None:
    page = "below(first: 100) { edges { node { value } } }"
    query = f"{{ numbers(first: 100) {{ edges {{ node {{ {page} }} }} }} }}"
    response = client.post("", json={"query": query})
    (error,) = response.json()["errors"]
    assert (response.status_code, error["extensions"]["code"]) == (400, "QUERY_TOO_EXPENSIVE")
    assert "10101 points; 500 is the most" in error["message"]
