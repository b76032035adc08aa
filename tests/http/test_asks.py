"""One plugin asks for another's operation in process: checked, charged and answered as if the caller had."""

from __future__ import annotations

from typing import Any

import pytest
from tests.serving import Server

WORD = 1_000_000
"""The price of the probe's meter, in nano-dollars."""
ASK = "mutation ($operation: String!, $request: JSON!) { probeAsk(operation: $operation, request: $request) }"
LAST = """{ viewer { organization { usageEvents(first: 1) { edges { node { operation cost } } } } } }"""


def ask(server: Server, operation: str, request: dict[str, Any], **more: Any) -> dict[str, Any]:
    return server.graphql(ASK, operation=operation, request=request, **more)


def last_call(server: Server) -> dict[str, Any]:
    edges = server.graphql(LAST)["data"]["viewer"]["organization"]["usageEvents"]["edges"]
    node: dict[str, Any] = edges[0]["node"]
    return node


def test_what_is_asked_is_charged_as_itself(server: Server) -> None:
    answer = ask(server, "probeWords", {"text": "so", "count": 3})
    assert answer["data"]["probeAsk"] == [{"text": "so"}] * 3 + [{"text": "end"}]
    assert answer["extensions"]["cost"]["credit"]["charged"] == 3 * WORD
    assert last_call(server) == {"operation": "probeWords", "cost": str(3 * WORD)}


def test_the_caller_needs_the_scope_of_what_is_asked(server: Server) -> None:
    create = "mutation ($input: KeyCreateInput!) { keyCreate(input: $input) { secret } }"
    made = server.graphql(create, input={"name": "reader", "scopes": ["usage:read"]})
    key = made["data"]["keyCreate"]["secret"]
    answer = ask(server, "probeWords", {"text": "so", "count": 3}, key=key)
    assert answer["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"


@pytest.mark.parametrize("operation", ["probeAnswer", "nobodyKnows"])
def test_an_operation_that_nobody_offers_is_told(server: Server, operation: str) -> None:
    answer = ask(server, operation, {"text": "so"})
    assert answer["errors"][0]["extensions"]["code"] == "OPERATION_UNKNOWN"
    assert operation in answer["errors"][0]["message"]


def test_a_request_of_another_form_is_refused_by_the_name_of_its_field(server: Server) -> None:
    answer = ask(server, "probeWords", {"text": "so", "count": "many"})
    assert answer["errors"][0]["extensions"]["code"] == "INVALID_INPUT"
    assert "$.count" in answer["errors"][0]["message"]
