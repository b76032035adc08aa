"""A function that misbehaves: a typed error each, the hold released, nothing charged, the server up."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from tests.serving import Server

ANSWER = """mutation ($behaviour: String!, $text: String! = "fine") {
  probeAnswer(behaviour: $behaviour, text: $text) }"""
WORDS = """subscription ($behaviour: String!, $count: Int!, $pause: Float! = 0) {
  probeWords(text: "word", count: $count, behaviour: $behaviour, pauseS: $pause) }"""
ACCOUNT = """{ viewer { organization {
  balance { balance } usageEvents(first: 1) { edges { node { id outcome cost } } } } } }"""


def account(server: Server) -> dict[str, Any]:
    """The balance and the newest call."""
    organization = server.graphql(ACCOUNT)["data"]["viewer"]["organization"]
    edges = organization["usageEvents"]["edges"]
    return {"balance": int(organization["balance"]["balance"]), "last": edges[0]["node"] if edges else None}


def stream(server: Server, behaviour: str, count: int = 3) -> list[dict[str, Any]]:
    """The payloads of a subscription over SSE, to its end."""
    payloads: list[dict[str, Any]] = []
    body = {"query": WORDS, "variables": {"behaviour": behaviour, "count": count}}
    with (
        server.client() as client,
        client.stream("POST", "/graphql", json=body, headers={"Accept": "text/event-stream"}) as response,
    ):
        event = ""
        for line in response.iter_lines():
            event = line.removeprefix("event: ") if line.startswith("event: ") else event
            if event == "next" and line.startswith("data: "):
                payloads.append(json.loads(line.removeprefix("data: ")))
    return payloads


CASES = [
    ("raise", "FUNCTION_FAILED"),
    ("refuse", "PROBE_REFUSED"),
    ("hang", "FUNCTION_TIMEOUT"),
    ("eat", "FUNCTION_OUT_OF_MEMORY"),
    ("die", "FUNCTION_INTERRUPTED"),
]


@pytest.mark.parametrize(("behaviour", "code"), CASES)
def test_a_call_that_fails_is_free_and_the_next_one_works(server: Server, behaviour: str, code: str) -> None:
    before = account(server)
    answer = server.graphql(ANSWER, behaviour=behaviour)
    assert answer["errors"][0]["extensions"]["code"] == code
    assert "secret detail" not in str(answer)
    assert account(server) == before
    assert server.graphql(ANSWER, behaviour="answer")["data"] == {"probeAnswer": "fine"}


@pytest.mark.parametrize(("behaviour", "code"), CASES)
def test_a_stream_that_fails_in_the_middle_ends_with_its_error_and_is_free(
    server: Server, behaviour: str, code: str
) -> None:
    before = account(server)
    first, last = stream(server, behaviour)
    assert first["data"] == {"probeWords": "word"}
    assert last["errors"][0]["extensions"]["code"] == code
    assert account(server) == before


def test_a_stream_to_its_end_is_charged_for_what_it_served(server: Server) -> None:
    before = account(server)
    payloads = stream(server, "answer", count=3)
    words = [payload["data"]["probeWords"] for payload in payloads if payload.get("data")]
    assert words == ["word", "word", "word", "end"]
    assert account(server)["balance"] == before["balance"] - 3_000_000


def test_a_client_that_goes_away_is_charged_for_what_was_served_until_then(server: Server) -> None:
    before = account(server)
    body = {"query": WORDS, "variables": {"behaviour": "answer", "count": 100, "pause": 0.02}}
    with (
        server.client() as client,
        client.stream("POST", "/graphql", json=body, headers={"Accept": "text/event-stream"}) as response,
    ):
        seen = 0
        for line in response.iter_lines():
            seen += line.startswith("data: ")
            if seen == 5:
                break
    for _ in range(200):
        after = account(server)
        if after["last"] != before["last"]:
            break
    assert after["last"]["outcome"] == "cancelled"
    served = before["balance"] - after["balance"]
    assert 5_000_000 <= served < 100_000_000
    assert int(after["last"]["cost"]) == served


def test_an_error_of_a_resolver_shows_nothing_of_the_inside(server: Server) -> None:
    answer = server.graphql("{ probeSecret }")
    assert answer["errors"][0]["extensions"]["code"] == "INTERNAL_ERROR"
    assert "SELECT" not in str(answer)
    assert answer["errors"][0]["extensions"]["reference"] in server.log()


def leave(server: Server, text: str, headers: dict[str, str]) -> None:
    """Asks for an answer that takes a while and hangs up before it comes."""
    query = f'mutation {{ probeAnswer(text: "{text}", pauseS: 1) }}'
    with server.client() as client, pytest.raises(httpx.ReadTimeout):
        client.post("/graphql", json={"query": query}, headers=headers, timeout=0.3)


def test_a_client_that_hangs_up_cancels_its_call_for_free(server: Server) -> None:
    before = account(server)
    leave(server, "gone", {})
    time.sleep(1.2)
    assert account(server) == before


def test_a_client_that_hangs_up_with_an_idempotency_key_finds_its_answer(server: Server) -> None:
    before, headers = account(server)["balance"], {"Idempotency-Key": "hung-up"}
    leave(server, "kept", headers)
    query = 'mutation { probeAnswer(text: "kept", pauseS: 1) }'
    with server.client() as client:
        answer = client.post("/graphql", json={"query": query}, headers=headers).json()
    assert answer["data"] == {"probeAnswer": "kept"}
    assert answer["extensions"]["cost"]["credit"]["charged"] == 0
    assert account(server)["balance"] == before - 1_000_000
