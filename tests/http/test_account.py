"""What an account's owner reads over GraphQL: members, usage, balance, and nobody else's."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.http.test_keys import create
from tests.serving import Server

USAGE = """query ($since: DateTime!, $until: DateTime!, $by: [UsageGroup!]!) { viewer { organization {
  usage(since: $since, until: $until, by: $by) {
    day operation model keyId memberId calls cost quantities { meter quantity } } } } }"""


def usage(server: Server, *by: str) -> list[dict[str, Any]]:
    now = datetime.now(UTC)
    times = {
        "since": (now - timedelta(days=1)).isoformat(),
        "until": (now + timedelta(hours=2)).isoformat(),
    }
    answer = server.graphql(USAGE, by=list(by), **times)
    assert "errors" not in answer, answer
    return answer["data"]["viewer"]["organization"]["usage"]


def test_the_viewer_sees_its_organization_its_user_and_its_scopes(server: Server) -> None:
    answer = server.graphql(
        "{ viewer { scopes user { email } organization { name slug } organizations(first: 5) { edges {"
        " node { slug } } } } }"
    )
    assert answer["data"]["viewer"] == {
        "scopes": ["*"],
        "user": {"email": "admin@localhost"},
        "organization": {"name": "First organization", "slug": "first"},
        "organizations": {"edges": [{"node": {"slug": "first"}}]},
    }


def test_usage_is_told_apart_by_key_operation_and_day(server: Server) -> None:
    new = create(server, name="Counted")
    for _ in range(3):
        server.graphql('mutation { probeAnswer(text: "x") }', key=new["secret"])
    row = next(row for row in usage(server, "KEY", "OPERATION", "DAY") if row["keyId"] == new["key"]["id"])
    assert row["operation"] == "probeAnswer"
    assert row["day"].startswith(datetime.now(UTC).date().isoformat())
    assert (row["calls"], row["cost"]) == ("3", "3000000")
    assert row["quantities"] == [{"meter": "probe.words", "quantity": "3"}]


def test_totals_agree_with_the_charge(server: Server) -> None:
    before = usage(server)
    answer = server.graphql('mutation { probeAnswer(text: "x") }')
    charged = answer["extensions"]["cost"]["credit"]["charged"]
    after = usage(server)
    assert int(after[0]["cost"]) - (int(before[0]["cost"]) if before else 0) == charged == 1_000_000


FILTERED = """query ($since: DateTime!, $until: DateTime!, $only: UsageFilter!) { viewer { organization {
  usage(since: $since, until: $until, by: [], only: $only) { calls }
  usageEvents(first: 10, only: $only) { edges { node { operation model } } } } } }"""


def test_totals_and_calls_are_those_of_what_is_asked_for_alone(server: Server) -> None:
    new = create(server, name="Filtered")
    for _ in range(2):
        server.graphql('mutation { probeAnswer(text: "x") }', key=new["secret"])
    now = datetime.now(UTC)
    times = {
        "since": (now - timedelta(days=1)).isoformat(),
        "until": (now + timedelta(hours=2)).isoformat(),
    }

    def of(**only: str | None) -> tuple[str, list[Any]]:
        found = server.graphql(FILTERED, only={"keyId": new["key"]["id"], **only}, **times)
        assert "errors" not in found, found
        owner = found["data"]["viewer"]["organization"]
        total = owner["usage"][0]["calls"] if owner["usage"] else "0"
        return total, [edge["node"] for edge in owner["usageEvents"]["edges"]]

    two = ("2", [{"operation": "probeAnswer", "model": None}] * 2)
    assert of() == two
    assert of(plugin="probe", operation="probeAnswer", model=None) == two
    for other in ({"operation": "probeLater"}, {"plugin": "chat"}, {"model": "x"}, {"memberId": None}):
        assert of(**other) == ("0", []), other


@pytest.mark.parametrize(
    ("only", "field"),
    [({"keyId": "VXNlcjox"}, "only.keyId"), ({"memberId": "S2V5OjE="}, "only.memberId")],
)
def test_a_filter_with_the_id_of_something_else_is_refused(
    server: Server, only: dict[str, str], field: str
) -> None:
    answer = server.graphql(FILTERED, since="2026-01-01T00:00:00Z", until="2026-02-01T00:00:00Z", only=only)
    assert answer["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "retryable": False, "field": field}


@pytest.mark.parametrize(
    ("since", "until", "field"),
    [
        ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z", "since"),
        ("2026-01-01T00:00:00", "2026-02-01T00:00:00Z", "since"),
    ],
)
def test_times_that_make_no_sense_are_refused(server: Server, since: str, until: str, field: str) -> None:
    answer = server.graphql(USAGE, since=since, until=until, by=[])
    assert answer["errors"][0]["extensions"] == {"code": "INVALID_INPUT", "retryable": False, "field": field}


def test_calls_are_paged_newest_first_without_gaps(server: Server) -> None:
    for _ in range(5):
        server.graphql('mutation { probeAnswer(text: "x") }')
    query = """query ($after: String) { viewer { organization { usageEvents(first: 2, after: $after) {
      edges { cursor node { id } } pageInfo { hasNextPage endCursor } } } } }"""
    seen: list[str] = []
    after = None
    for _ in range(3):
        page = server.graphql(query, after=after)["data"]["viewer"]["organization"]["usageEvents"]
        seen += [edge["node"]["id"] for edge in page["edges"]]
        after = page["pageInfo"]["endCursor"]
    whole = "{ viewer { organization { usageEvents(first: 6) { edges { node { id } } } } } }"
    edges = server.graphql(whole)["data"]["viewer"]["organization"]["usageEvents"]["edges"]
    assert seen == [edge["node"]["id"] for edge in edges]
    assert len(set(seen)) == 6


def test_the_statement_is_paged_newest_first_and_ends_at_the_balance(server: Server) -> None:
    for _ in range(3):
        server.graphql('mutation { probeAnswer(text: "x") }')
    query = """query ($after: String, $since: DateTime) { viewer { organization { balance { balance held }
      creditHolds { amount isLease } statement(first: 2, after: $after, since: $since) {
        edges { node { at reference amount balance operations { operation calls } } }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }"""
    first = server.graphql(query)["data"]["viewer"]["organization"]
    lines = [edge["node"] for edge in first["statement"]["edges"]]
    assert lines[0]["balance"] == first["balance"]["balance"]
    assert int(lines[0]["balance"]) - int(lines[0]["amount"]) == int(lines[1]["balance"])
    assert {"reference": "usage", "amount": "-1000000"}.items() <= lines[0].items()
    assert lines[0]["operations"] == [{"operation": "probeAnswer", "calls": 1}]
    held = sum(int(hold["amount"]) for hold in first["creditHolds"])
    assert held == int(first["balance"]["held"]) > 0
    assert all(hold["isLease"] for hold in first["creditHolds"])
    assert first["statement"]["pageInfo"]["hasNextPage"]
    after = first["statement"]["pageInfo"]["endCursor"]
    second = server.graphql(query, after=after)["data"]["viewer"]["organization"]["statement"]
    assert second["pageInfo"]["hasPreviousPage"]
    assert int(lines[1]["balance"]) - int(lines[1]["amount"]) == int(second["edges"][0]["node"]["balance"])
    upwards = query.replace("first: 2, after: $after", "last: 2, before: $after")
    before = second["pageInfo"]["startCursor"]
    again = server.graphql(upwards, after=before)["data"]["viewer"]["organization"]["statement"]
    assert [edge["node"] for edge in again["edges"]] == lines
    assert again["pageInfo"]["hasNextPage"]
    assert not again["pageInfo"]["hasPreviousPage"]
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
    later = server.graphql(query, since=tomorrow)["data"]["viewer"]["organization"]["statement"]
    assert later["edges"] == []


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ("first: 0", "PAGE_SIZE_INVALID"),
        ('first: 1, after: "x"', "CURSOR_INVALID"),
        ('first: 1, since: "2026-01-01T00:00:00"', "INVALID_INPUT"),
    ],
)
def test_a_page_of_the_statement_that_makes_no_sense_is_refused(
    server: Server, arguments: str, code: str
) -> None:
    answer = server.graphql(
        f"{{ viewer {{ organization {{ statement({arguments}) {{ edges {{ cursor }} }} }} }} }}"
    )
    assert answer["errors"][0]["extensions"]["code"] == code


def test_any_object_is_found_again_by_its_id(server: Server) -> None:
    new = create(server, name="Found")
    query = "query ($ids: [ID!]!) { nodes(ids: $ids) { id __typename ... on Key { name } } }"
    organization = server.graphql("{ viewer { organization { id } } }")["data"]["viewer"]["organization"]
    answer = server.graphql(query, ids=[new["key"]["id"], organization["id"], "S2V5OjE="])
    assert answer["data"]["nodes"] == [
        {"id": new["key"]["id"], "__typename": "Key", "name": "Found"},
        {"id": organization["id"], "__typename": "Organization"},
        None,
    ]


@pytest.mark.parametrize(
    "field",
    [
        "balance { balance }",
        "statement(first: 1) { edges { node { balance } } }",
        "creditHolds { amount }",
        "keys(first: 1) { edges { node { id } } }",
        "members(first: 1) { edges { node { id } } }",
        "usageEvents(first: 1) { edges { node { id } } }",
        'usage(since: "2026-01-01T00:00:00Z", until: "2026-01-02T00:00:00Z", by: []) { calls }',
    ],
)
def test_each_part_of_an_account_needs_its_scope(server: Server, field: str) -> None:
    new = create(server, scopes=["probe:answer"])
    answer = server.graphql(f"{{ viewer {{ organization {{ {field} }} }} }}", key=new["secret"])
    assert answer["errors"][0]["extensions"]["code"] == "SCOPE_MISSING"


def test_the_last_owner_stays(server: Server) -> None:
    members = "{ viewer { organization { members(first: 1) { edges { node { id role } } } } } }"
    node = server.graphql(members)["data"]["viewer"]["organization"]["members"]["edges"][0]["node"]
    answer = server.graphql("mutation ($id: ID!) { memberRemove(id: $id) }", id=node["id"])
    assert answer["errors"][0]["extensions"]["code"] == "LAST_OWNER"


def test_the_price_list_names_every_meter(server: Server) -> None:
    prices = server.graphql("{ prices { meter unit model price } }")["data"]["prices"]
    assert {"meter": "probe.words", "unit": "word", "model": None, "price": "1000000"} in prices
    assert {price["meter"] for price in prices} >= {"chat.input_tokens", "chat.output_tokens"}
