"""What a key may do, as a client meets it over HTTP."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.serving import Server

CREATE = """mutation ($input: KeyCreateInput!) {
  keyCreate(input: $input) { secret key { id prefix scopes revokedAt expiresAt } } }"""
ROTATE = "mutation ($id: ID!, $s: Int!) { keyRotate(id: $id, overlapSeconds: $s) { secret key { id } } }"
REVOKE = "mutation ($id: ID!) { keyRevoke(id: $id) { id revokedAt } }"
ANSWER = 'mutation { probeAnswer(text: "yes") }'


def create(server: Server, **limits: Any) -> dict[str, Any]:
    given = {"name": "Test", "scopes": ["*"]} | limits
    answer = server.graphql(CREATE, input=given)
    assert "errors" not in answer, answer
    return answer["data"]["keyCreate"]


def code(answer: dict[str, Any]) -> str:
    """The code of the first error."""
    return answer["errors"][0]["extensions"]["code"]


def test_a_new_key_works_and_is_listed_without_its_secret(server: Server) -> None:
    new = create(server, name="Listed")
    assert server.graphql(ANSWER, key=new["secret"])["data"] == {"probeAnswer": "yes"}
    listed = server.graphql(
        "{ viewer { organization { keys(first: 100) { edges { node { id name prefix } } } } } }"
    )
    nodes = [edge["node"] for edge in listed["data"]["viewer"]["organization"]["keys"]["edges"]]
    node = next(node for node in nodes if node["id"] == new["key"]["id"])
    assert node["name"] == "Listed"
    assert new["secret"].startswith(node["prefix"])


@pytest.mark.parametrize("key", ["nonsense", "sk_live_" + "a" * 62])
def test_a_wrong_key_is_refused_with_401(server: Server, key: str) -> None:
    with server.client(key) as client:
        response = client.post("/graphql", json={"query": ANSWER})
    assert response.status_code == 401
    assert code(response.json()) == "KEY_INVALID"


def test_without_a_key_only_the_schema_can_be_read(server: Server) -> None:
    with server.client() as client:
        del client.headers["Authorization"]
        assert client.post("/graphql", json={"query": "{ __typename }"}).json()["data"]
        assert code(client.post("/graphql", json={"query": ANSWER}).json()) == "UNAUTHENTICATED"


def test_a_revoked_key_is_refused_at_once(server: Server) -> None:
    new = create(server)
    assert "errors" not in server.graphql(ANSWER, key=new["secret"])
    assert server.graphql(REVOKE, id=new["key"]["id"])["data"]["keyRevoke"]["revokedAt"]
    assert code(server.graphql(ANSWER, key=new["secret"])) == "KEY_REVOKED"


def test_an_expired_key_is_refused(server: Server) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=1)
    new = create(server, expiresAt=soon.isoformat())
    assert "errors" not in server.graphql(ANSWER, key=new["secret"])
    time.sleep(max(0.0, (soon - datetime.now(UTC)).total_seconds()) + 0.05)
    assert code(server.graphql(ANSWER, key=new["secret"])) == "KEY_EXPIRED"


def test_rotation_leaves_both_keys_working_for_the_overlap(server: Server) -> None:
    old = create(server)
    new = server.graphql(ROTATE, id=old["key"]["id"], s=60)["data"]["keyRotate"]
    for secret in (old["secret"], new["secret"]):
        assert "errors" not in server.graphql(ANSWER, key=secret)
    last = server.graphql(ROTATE, id=new["key"]["id"], s=0)["data"]["keyRotate"]
    assert code(server.graphql(ANSWER, key=new["secret"])) == "KEY_EXPIRED"
    assert "errors" not in server.graphql(ANSWER, key=last["secret"])


def test_an_operation_out_of_scope_is_refused_and_says_which_scope(server: Server) -> None:
    new = create(server, scopes=["usage:read"])
    answer = server.graphql(ANSWER, key=new["secret"])
    assert code(answer) == "SCOPE_MISSING"
    assert "probe:answer" in answer["errors"][0]["message"]


def test_a_key_from_another_address_is_refused(server: Server) -> None:
    new = create(server, allowedIps=["192.0.2.0/24"])
    assert code(server.graphql(ANSWER, key=new["secret"])) == "KEY_ADDRESS_DENIED"


def test_the_rate_limit_of_a_minute_holds_and_says_when_to_come_back(server: Server) -> None:
    if datetime.now(UTC).second > 50:
        time.sleep(61 - datetime.now(UTC).second)
    new = create(server, rateLimitPerMinute=3)
    for left in (2, 1, 0):
        answer = server.graphql(ANSWER, key=new["secret"])
        assert answer["extensions"]["cost"]["query"]["remaining"] == left
    with server.client(new["secret"]) as client:
        response = client.post("/graphql", json={"query": ANSWER})
    assert response.status_code == 429
    assert 0 < int(response.headers["Retry-After"]) <= 60
    assert response.json()["errors"][0]["extensions"]["retryable"]


def test_the_budget_of_a_month_stops_a_key_and_costs_nothing_more(server: Server) -> None:
    new = create(server, monthlyBudget="2500000")  # a hold is 2,000,000 and a charge 1,000,000
    assert "errors" not in server.graphql(ANSWER, key=new["secret"])
    answer = server.graphql(ANSWER, key=new["secret"])
    assert code(answer) == "BUDGET_EXCEEDED"
    assert answer["extensions"]["cost"]["credit"] == {"held": 0, "charged": 0, "unit": "nano-USD"}


def test_rotating_a_key_brings_no_new_budget(server: Server) -> None:
    old = create(server, monthlyBudget="2500000")
    assert "errors" not in server.graphql(ANSWER, key=old["secret"])
    new = server.graphql(ROTATE, id=old["key"]["id"], s=60)["data"]["keyRotate"]
    for secret in (old["secret"], new["secret"]):
        assert code(server.graphql(ANSWER, key=secret)) == "BUDGET_EXCEEDED"


def test_a_key_is_not_an_id_of_something_else(server: Server) -> None:
    answer = server.graphql(REVOKE, id="TWVtYmVyOjE=")
    assert code(answer) == "INVALID_INPUT"
    assert answer["errors"][0]["extensions"]["field"] == "id"
