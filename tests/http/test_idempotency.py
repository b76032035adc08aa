"""The same idempotency key gives the same answer and is charged once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from tests.serving import Server

BALANCE = "{ viewer { organization { balance { balance } } } }"


def balance(server: Server) -> int:
    return int(server.graphql(BALANCE)["data"]["viewer"]["organization"]["balance"]["balance"])


def answer(server: Server, key: str, text: str, query: str | None = None) -> dict[str, Any]:
    query = query or f'mutation {{ probeAnswer(text: "{text}") }}'
    with server.client() as client:
        response = client.post("/graphql", json={"query": query}, headers={"Idempotency-Key": key})
        return response.json()  # type: ignore[no-any-return]


def test_a_retry_gives_the_same_answer_and_is_free(server: Server) -> None:
    key, before = str(uuid4()), balance(server)
    first, second = answer(server, key, "once"), answer(server, key, "once")
    assert first["data"] == second["data"] == {"probeAnswer": "once"}
    assert second["extensions"]["cost"]["credit"]["charged"] == 0
    assert balance(server) == before - 1_000_000


def test_another_request_under_the_same_key_is_refused(server: Server) -> None:
    key = str(uuid4())
    answer(server, key, "first")
    other = answer(server, key, "second")
    assert other["errors"][0]["extensions"]["code"] == "IDEMPOTENCY_KEY_REUSED"


def test_concurrent_retries_are_charged_once(server: Server) -> None:
    key, before = str(uuid4()), balance(server)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda _: answer(server, key, "same"), range(32)))
    assert {one["data"]["probeAnswer"] for one in answers} == {"same"}
    assert balance(server) == before - 1_000_000


def test_every_operation_of_one_request_has_a_key_of_its_own(server: Server) -> None:
    key, before = str(uuid4()), balance(server)
    query = 'mutation { a: probeAnswer(text: "a") b: probeAnswer(text: "b") }'
    for _ in range(2):
        assert answer(server, key, "", query)["data"] == {"a": "a", "b": "b"}
    assert balance(server) == before - 2_000_000


def test_a_failed_call_leaves_its_key_free(server: Server) -> None:
    key = str(uuid4())
    failed = answer(server, key, "", 'mutation { probeAnswer(behaviour: "raise") }')
    assert failed["errors"][0]["extensions"]["code"] == "FUNCTION_FAILED"
    assert answer(server, key, "now")["data"] == {"probeAnswer": "now"}


def test_a_malformed_key_is_refused(server: Server) -> None:
    refused = answer(server, "x" * 256, "text")
    assert refused["errors"][0]["extensions"]["field"] == "Idempotency-Key"
