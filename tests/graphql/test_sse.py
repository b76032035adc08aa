"""GraphQL over Server-Sent Events, over real sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest
from litestar.types import Message

from skyhook.graphql import sse
from skyhook.graphql.budget import Unlimited
from skyhook.graphql.context import Context
from skyhook.graphql.engine import STREAMS, Engine, Request
from skyhook.graphql.limits import Limits

from .conftest import Server, wait_until
from .example import CALLER, KEY, SCHEMA, Services

STREAM = {"Accept": "text/event-stream"}


def events(response: httpx.Response) -> Iterator[tuple[str, Any]]:
    name = ""
    for line in response.iter_lines():
        if line.startswith("event: "):
            name = line.removeprefix("event: ")
        elif line.startswith("data: "):
            yield name, json.loads(line.removeprefix("data: "))


def stream(client: httpx.Client, query: str, **request: Any) -> list[tuple[str, Any]]:
    with client.stream("POST", "", json={"query": query, **request}, headers=STREAM) as response:
        assert response.status_code == 200
        assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
        return list(events(response))


def test_a_subscription_ends_with_its_cost(client: httpx.Client) -> None:
    *nexts, (last, final) = stream(client, "subscription { count(to: 3) }")
    assert nexts == [("next", {"data": {"count": value}}) for value in range(3)]
    assert last == "complete"
    cost = final["extensions"]["cost"]
    assert cost["query"] == {
        "requested": 1,
        "actual": 1,
        "limit": 1000,
        "remaining": 999,
        "resetSeconds": 60.0,
    }
    assert cost["credit"]["charged"] == 11


def test_a_query_and_a_mutation_are_one_event(client: httpx.Client) -> None:
    (name, answer), (last, _) = stream(client, "{ hello }")
    assert (name, answer["data"], last) == ("next", {"hello": "Hello, you!"}, "complete")
    mutation = 'mutation { record(input: {name: "x", amount: 1}) { name } }'
    (_, answer), _ = stream(client, mutation)
    assert answer["data"] == {"record": {"name": "x"}}


def test_get_streams_what_only_reads(client: httpx.Client) -> None:
    response = client.get("", params={"query": "subscription { count(to: 1) }"}, headers=STREAM)
    assert [name for name, _ in events(response)] == ["next", "complete"]
    mutation = 'mutation { record(input: {name: "x", amount: 1}) { name } }'
    response = client.get("", params={"query": mutation}, headers=STREAM)
    assert response.status_code == 405
    assert response.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


def test_each_event_draws_the_points_of_its_own_nodes(client: httpx.Client, server: Server) -> None:
    query = "subscription { eachNumber { value below(first: 10) { edges { node { value } } } } }"
    *nexts, (_, final) = stream(client, query)
    assert [len(event["data"]["eachNumber"]["below"]["edges"]) for _, event in nexts] == [2, 2]
    assert final["extensions"]["cost"]["query"]["requested"] == 21
    assert final["extensions"]["cost"]["query"]["actual"] == 5
    assert server.budget.used == 5


def test_a_stream_that_outruns_its_rate_ends_with_an_error(client: httpx.Client, server: Server) -> None:
    server.budget.limit = 15
    query = "subscription { eachNumber { below(first: 10) { pageInfo { endCursor } } } }"
    *_, (name, event), (last, _) = stream(client, query)
    assert (name, last) == ("next", "complete")
    assert event["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


def test_a_failure_in_the_middle_is_the_last_event(client: httpx.Client) -> None:
    (_, first), (name, failure), (last, _) = stream(client, "subscription { failing }")
    assert first == {"data": {"failing": "one"}}
    assert (name, last) == ("next", "complete")
    assert failure["data"] is None
    (error,) = failure["errors"]
    assert error["message"] == "It broke. Start again."
    assert error["extensions"] == {"code": "INVALID_INPUT", "retryable": False, "field": "failing"}


def test_a_subscription_knows_its_caller(client: httpx.Client, server: Server) -> None:
    (_, event), _ = stream(client, "subscription { mine }")
    assert event["data"] == {"mine": str(CALLER.organization_id)}
    with httpx.Client(base_url=server.url) as stranger:
        (_, event), _ = stream(stranger, "subscription { mine }")
    assert event["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.parametrize(
    ("query", "headers", "status", "code"),
    [
        ("subscription { count }", KEY, 400, "GRAPHQL_VALIDATION_FAILED"),
        ("subscription { count(to: 1) }", {"Authorization": "Bearer x"}, 401, "KEY_INVALID"),
        ("{ numbers(first: 101) { pageInfo { endCursor } } }", KEY, 400, "PAGE_SIZE_INVALID"),
    ],
)
def test_a_refused_request_starts_no_stream(
    server: Server, query: str, headers: dict[str, str], status: int, code: str
) -> None:
    response = httpx.post(server.url, json={"query": query}, headers={**STREAM, **headers})
    assert response.status_code == status
    assert response.json()["errors"][0]["extensions"]["code"] == code


def test_a_client_that_leaves_cancels_the_resolver(client: httpx.Client, server: Server) -> None:
    body = {"query": "subscription { count(to: 10, every: 60) }"}
    with client.stream("POST", "", json=body, headers=STREAM) as response:
        received = events(response)
        assert next(received)[1] == {"data": {"count": 0}}
        assert (server.services.opened, server.services.closed) == (1, 0)
    started = time.monotonic()
    wait_until(lambda: server.services.closed == 1)
    assert time.monotonic() - started < 1


def test_a_stream_that_is_always_ready_leaves_others_their_turn(server: Server, client: httpx.Client) -> None:
    with client.stream("POST", "", json={"query": "subscription { flood }"}, headers=STREAM) as response:
        chunks = response.iter_raw(65_536)
        for _ in range(20):
            for _ in range(10):
                next(chunks)
            assert httpx.post(server.url, json={"query": "{ hello }"}, timeout=2).status_code == 200
    wait_until(lambda: server.services.closed == 1)


def test_a_slow_client_slows_the_resolver(server: Server) -> None:
    host, port = server.url.split("/")[2].split(":")
    body = json.dumps({"query": "subscription { flood }"}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: x\r\nAccept: text/event-stream\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with closing(socket.create_connection((host, int(port)), timeout=5)) as connection:
        connection.sendall(head.encode() + body)
        connection.recv(1000)
        sent = -1
        while sent != server.services.sent:
            sent = server.services.sent
            time.sleep(0.3)
        assert sent < 500  # of 64 KiB each: the buffers of the sockets, not a queue without an end
        assert httpx.post(server.url, json={"query": "{ hello }"}).status_code == 200
    wait_until(lambda: server.services.closed == 1)


async def test_a_quiet_stream_is_kept_alive_by_comments() -> None:
    engine = Engine(SCHEMA, Unlimited(), Limits())
    context = Context(caller=CALLER, request_id="r", client_address="", services=Services())
    run = await engine.admit(Request("subscription { count(to: 2, every: 0.15) }"), context, STREAMS)
    sent: list[bytes] = []

    async def send(message: Message) -> None:
        sent.append(message.get("body", b""))  # type: ignore[arg-type]

    async def receive() -> Any:
        await asyncio.sleep(60)

    await sse.serve(run, receive, send, keep_alive_s=0.05)
    assert sent.count(b":\n\n") >= 2
    assert sent[-1] == b""
