"""What a caller learns of an error, and what not."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest


def one_error(client: httpx.Client, query: str, variables: dict[str, Any] | None = None) -> dict[str, Any]:
    errors = client.post("", json={"query": query, "variables": variables}).json()["errors"]
    assert len(errors) == 1
    error: dict[str, Any] = errors[0]
    return error


def test_a_bug_is_answered_with_a_reference_under_which_it_is_logged(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR, logger="skyhook.graphql"):
        response = client.post("", json={"query": "{ bug }"}, headers={"X-Request-Id": "r-1"})
    (error,) = response.json()["errors"]
    reference = error["extensions"]["reference"]
    assert error["extensions"] == {"code": "INTERNAL_ERROR", "retryable": True, "reference": reference}
    assert error["path"] == ["bug"]
    assert reference in error["message"]
    for secret in ("SELECT", "vault", "RuntimeError", "Traceback", ".py"):
        assert secret not in response.text
    (record,) = [record for record in caplog.records if record.name == "skyhook.graphql"]
    assert reference in record.getMessage()
    assert "r-1" in record.getMessage()
    assert record.exc_info is not None
    assert "SELECT secret" in str(record.exc_info[1])


def test_a_domains_error_is_answered_as_it_is(client: httpx.Client) -> None:
    assert one_error(client, "{ wrong }") == {
        "message": "The name is taken. Choose another.",
        "extensions": {"code": "INVALID_INPUT", "retryable": False, "field": "name"},
        "locations": [{"line": 1, "column": 3}],
        "path": ["wrong"],
    }


@pytest.mark.parametrize("query", ["{ brokenPromise }", "{ unwritable }"])
def test_a_value_that_does_not_fit_the_schema_is_our_error(client: httpx.Client, query: str) -> None:
    assert one_error(client, query)["extensions"]["code"] == "INTERNAL_ERROR"


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (None, "i"),
        ({"name": "x"}, "i"),
        ({"name": 5, "amount": 1}, "i.name"),
        ({"name": "x", "amount": "1.5"}, "i.amount"),
        ({"name": "x", "amount": 2**63}, "i.amount"),
        ({"name": "x", "amount": True}, "i.amount"),
        ({"name": "x", "amount": 1, "more": 1}, "i"),
    ],
)
def test_a_wrong_variable_is_named(client: httpx.Client, value: Any, field: str) -> None:
    error = one_error(client, "mutation ($i: RecordInput!) { record(input: $i) { name } }", {"i": value})
    assert error["extensions"] == {"code": "BAD_VARIABLE", "retryable": False, "field": field}


def test_each_wrong_variable_has_its_own_error(client: httpx.Client) -> None:
    query = "query ($a: String!, $b: Int!) { hello(name: $a) numbers(first: $b) { pageInfo { endCursor } } }"
    errors = client.post("", json={"query": query, "variables": {"a": 1, "b": "x"}}).json()["errors"]
    assert [error["extensions"]["field"] for error in errors] == ["a", "b"]


def test_a_wrong_argument_is_named(client: httpx.Client) -> None:
    error = one_error(client, '{ number(id: "nonsense") }')
    assert error["extensions"] == {"code": "INVALID_INPUT", "retryable": False, "field": "id"}
