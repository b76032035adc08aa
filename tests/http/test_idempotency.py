"""The same idempotency key gives the same answer and is charged once."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

from tests.serving import Server

RANDOM = 'mutation { probeAnswer(behaviour: "random") }'
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


def test_calls_whose_line_is_cut_are_charged_once_and_answered_to_a_retry(server: Server) -> None:
    keys, before = [str(uuid4()) for _ in range(20)], balance(server)
    body = json.dumps({"query": RANDOM}).encode()
    for number, key in enumerate(keys):
        head = (
            f"POST /graphql HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {server.key}\r\n"
            f"Content-Type: application/json\r\nIdempotency-Key: {key}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        with socket.create_connection(("127.0.0.1", server.port)) as line:
            line.sendall(head.encode() + body)
            time.sleep(number / 1000)  # some are cut before they run, some while, some after
    answers = [[answer(server, key, "", RANDOM)["data"]["probeAnswer"] for _ in range(2)] for key in keys]
    assert all(first == second for first, second in answers)
    assert len({first for first, _ in answers}) == len(keys)
    assert balance(server) == before - len(keys) * 1_000_000


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
