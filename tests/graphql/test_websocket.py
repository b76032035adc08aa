"""The protocol graphql-transport-ws, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from skyhook.graphql import websocket

from .conftest import Server
from .example import CALLER, KEY

PROTOCOL = [Subprotocol("graphql-transport-ws")]


async def send(socket: ClientConnection, **message: Any) -> None:
    await socket.send(json.dumps(message))


async def receive(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 5))
    return message


async def subscribe(socket: ClientConnection, query: str, name: str = "1", **request: Any) -> None:
    await send(socket, type="subscribe", id=name, payload={"query": query, **request})


async def closing_code(socket: ClientConnection) -> int | None:
    async with asyncio.timeout(5):
        with suppress(ConnectionClosed):
            async for _ in socket:
                pass
    return socket.close_code


@asynccontextmanager
async def ready(server: Server, payload: Any = KEY) -> AsyncIterator[ClientConnection]:
    async with connect(server.socket_url, subprotocols=PROTOCOL) as socket:
        await send(socket, type="connection_init", payload=payload)
        assert await receive(socket) == {"type": "connection_ack"}
        yield socket


async def eventually(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 — the server runs in another thread
            await asyncio.sleep(0.01)


async def test_a_subscription_ends_with_its_cost(server: Server) -> None:
    async with ready(server) as socket:
        await subscribe(socket, "subscription ($to: Int!) { count(to: $to) }", variables={"to": 2})
        for value in range(2):
            assert await receive(socket) == {"type": "next", "id": "1", "payload": {"data": {"count": value}}}
        complete = await receive(socket)
    assert (complete["type"], complete["id"]) == ("complete", "1")
    cost = complete["payload"]["extensions"]["cost"]
    assert (cost["query"]["requested"], cost["credit"]["charged"]) == (1, 11)


async def test_a_query_and_a_mutation_are_one_message(server: Server) -> None:
    async with ready(server) as socket:
        await subscribe(socket, "{ hello }")
        answer = await receive(socket)
        assert answer["payload"]["data"] == {"hello": "Hello, you!"}
        assert answer["payload"]["extensions"]["cost"]["query"]["requested"] == 1
        assert (await receive(socket))["type"] == "complete"
        await subscribe(socket, 'mutation { record(input: {name: "x", amount: 1}) { name } }')
        assert (await receive(socket))["payload"]["data"] == {"record": {"name": "x"}}


async def test_operations_run_side_by_side(server: Server) -> None:
    async with ready(server) as socket:
        await subscribe(socket, "subscription { count(to: 2, every: 60) }", "slow")
        assert (await receive(socket))["id"] == "slow"
        await subscribe(socket, "{ hello }", "quick")
        assert (await receive(socket))["id"] == "quick"


async def test_the_key_comes_with_the_handshake_or_the_init_message(server: Server) -> None:
    for payload, headers in ((KEY, {}), (None, KEY)):
        async with connect(server.socket_url, subprotocols=PROTOCOL, additional_headers=headers) as socket:
            await send(socket, type="connection_init", payload=payload)
            assert await receive(socket) == {"type": "connection_ack"}
            await subscribe(socket, "subscription { mine }")
            assert (await receive(socket))["payload"]["data"] == {"mine": str(CALLER.organization_id)}


async def test_without_a_key_what_is_somebodys_is_refused(server: Server) -> None:
    async with ready(server, payload=None) as socket:
        await subscribe(socket, "subscription { mine }")
        (error,) = (await receive(socket))["payload"]["errors"]
    assert error["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_wrong_key_closes_the_connection(server: Server) -> None:
    async with connect(server.socket_url, subprotocols=PROTOCOL) as socket:
        await send(socket, type="connection_init", payload={"Authorization": "Bearer x"})
        assert await closing_code(socket) == 4403
        assert (socket.close_reason or "").startswith("KEY_INVALID: ")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("{", "GRAPHQL_PARSE_FAILED"),
        ("{ nothing }", "GRAPHQL_VALIDATION_FAILED"),
        ("query ($n: String!) { hello(name: $n) }", "BAD_VARIABLE"),
        ("{ numbers { pageInfo { endCursor } } }", "PAGE_SIZE_INVALID"),
        (
            "{ numbers(first: 100) { edges { node { below(first: 100) { pageInfo { endCursor } } } } } }",
            "QUERY_TOO_EXPENSIVE",
        ),
    ],
)
async def test_a_refused_operation_is_an_error_message(server: Server, query: str, code: str) -> None:
    async with ready(server) as socket:
        await subscribe(socket, query)
        message = await receive(socket)
        assert (message["type"], message["id"]) == ("error", "1")
        assert [error["extensions"]["code"] for error in message["payload"]] == [code]
        await subscribe(socket, "{ hello }")
        assert (await receive(socket))["type"] == "next"


async def test_a_rate_is_kept_here_too(server: Server) -> None:
    server.budget.limit = 0
    async with ready(server) as socket:
        await subscribe(socket, "{ hello }")
        (error,) = (await receive(socket))["payload"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryable": True, "retryAfter": 7.2}


async def test_a_failure_in_the_middle_is_the_last_next(server: Server) -> None:
    async with ready(server) as socket:
        await subscribe(socket, "subscription { failing }")
        assert (await receive(socket))["payload"] == {"data": {"failing": "one"}}
        assert (await receive(socket))["payload"]["errors"][0]["extensions"]["field"] == "failing"
        assert (await receive(socket))["type"] == "complete"


async def test_a_client_that_leaves_cancels_its_resolvers(server: Server) -> None:
    async with ready(server) as socket:
        for name in ("a", "b"):
            await subscribe(socket, "subscription { count(to: 2, every: 60) }", name)
            await receive(socket)
        assert (server.services.opened, server.services.closed) == (2, 0)
        socket.transport.abort()
    await eventually(lambda: server.services.closed == 2)


async def test_a_client_that_completes_cancels_one_resolver(server: Server) -> None:
    async with ready(server) as socket:
        await subscribe(socket, "subscription { count(to: 2, every: 60) }")
        await receive(socket)
        await send(socket, type="complete", id="1")
        await eventually(lambda: server.services.closed == 1)
        await subscribe(socket, "{ hello }")  # its id is free again, and nothing came in between
        assert (await receive(socket))["payload"]["data"] == {"hello": "Hello, you!"}


async def test_a_ping_is_answered(server: Server) -> None:
    async with ready(server) as socket:
        await send(socket, type="pong")
        await send(socket, type="ping")
        assert await receive(socket) == {"type": "pong"}


SUBSCRIBE = {"type": "subscribe", "id": "1", "payload": {"query": "subscription { count(to: 2, every: 60) }"}}


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["nonsense"], 4400),
        ([b"\x00\x01"], 4400),
        (["[]"], 4400),
        (['{"type": "other"}'], 4400),
        (['{"type": "connection_init", "payload": {"Authorization": 1}}'], 4400),
        ([json.dumps(SUBSCRIBE)], 4401),
        (['{"type": "connection_init"}'] * 2, 4429),
        (['{"type": "connection_init"}', json.dumps(SUBSCRIBE), json.dumps(SUBSCRIBE)], 4409),
        (['{"type": "connection_init"}', '{"type": "subscribe", "id": "1", "payload": {}}'], 4400),
        (['{"type": "connection_init"}', '{"type": "subscribe", "payload": {"query": "{hello}"}}'], 4400),
        (['{"type": "connection_init"}', *(json.dumps({**SUBSCRIBE, "id": i}) for i in "1234")], 4429),
        (['{"type": "ping", "payload": "' + "x" * 300_000 + '"}'], 1009),
    ],
)
async def test_a_broken_protocol_closes_the_connection(
    server: Server, messages: list[str | bytes], code: int
) -> None:
    async with connect(server.socket_url, subprotocols=PROTOCOL) as socket:
        for message in messages:
            await socket.send(message)
        assert await closing_code(socket) == code
    await eventually(lambda: server.services.opened == server.services.closed)


async def test_another_protocol_is_refused(server: Server) -> None:
    async with connect(server.socket_url) as socket:
        assert await closing_code(socket) == 4406


async def test_a_connection_that_says_nothing_is_closed(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(websocket, "INIT_TIMEOUT_S", 0.1)
    async with connect(server.socket_url, subprotocols=PROTOCOL) as socket:
        assert await closing_code(socket) == 4408


async def test_a_slow_client_slows_the_resolver(server: Server) -> None:
    async with connect(server.socket_url, subprotocols=PROTOCOL, max_queue=1, compression=None) as socket:
        await send(socket, type="connection_init", payload=KEY)
        assert await receive(socket) == {"type": "connection_ack"}
        await subscribe(socket, "subscription { flood }")
        sent = -1
        while sent != server.services.sent:
            sent = server.services.sent
            await asyncio.sleep(0.3)
        assert sent < 500
        socket.transport.abort()
    await eventually(lambda: server.services.closed == 1)
