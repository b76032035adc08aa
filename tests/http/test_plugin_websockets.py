"""A plugin's own WebSocket route, over real sockets."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.http.test_keys import REVOKE, create
from tests.serving import Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

ECHO = "/p/probe/v1/echo"


@asynccontextmanager
async def opened(
    server: Server, *, key: str | None = None, path: str = ECHO, **options: Any
) -> AsyncIterator[ClientConnection]:
    """A connection with a key in its header, the first one if none is named."""
    headers = {"Authorization": f"Bearer {key or server.key}"} | options.pop("additional_headers", {})
    address = f"{server.address.replace('http', 'ws')}{path}"
    async with connect(address, additional_headers=headers, **options) as socket:
        yield socket


async def refused(server: Server, **options: Any) -> tuple[int, str]:
    """The status and the code with which a handshake is refused."""
    with pytest.raises(InvalidStatus) as caught:
        async with opened(server, **options):
            pass
    response = caught.value.response
    return response.status_code, json.loads(response.body)["errors"][0]["extensions"]["code"]


async def closed(socket: ClientConnection) -> tuple[int | None, str]:
    """How the server closes the connection."""
    with suppress(ConnectionClosed):
        async for _ in socket:
            pass
    return socket.close_code, socket.close_reason or ""


async def test_a_handler_serves_text_and_bytes_and_knows_the_query(server: Server) -> None:
    async with opened(server, path=f"{ECHO}?name=Ada") as socket:
        assert await socket.recv() == "hello Ada"
        for message in ("text", b"\x00bytes"):
            await socket.send(message)
            assert await socket.recv() == message
        await socket.send("leave")
        assert await closed(socket) == (1000, "")


async def test_a_browser_sends_its_key_as_a_subprotocol(server: Server) -> None:
    address = f"{server.address.replace('http', 'ws')}{ECHO}"
    offered = [Subprotocol("echo"), Subprotocol(f"key.{server.key}")]
    async with connect(address, subprotocols=offered) as socket:
        assert socket.subprotocol == "echo"
        assert await socket.recv() == "hello "


async def test_a_handshake_without_a_right_is_refused_with_its_status(server: Server) -> None:
    narrow = create(server, scopes=["usage:read"])["secret"]
    assert await refused(server, key=narrow) == (403, "SCOPE_MISSING")
    assert await refused(server, key="sk_wrong") == (401, "KEY_INVALID")
    assert await refused(server, path="/p/probe/v1/nothing") == (404, "NOT_FOUND")
    with pytest.raises(InvalidStatus) as caught:
        async with connect(f"{server.address.replace('http', 'ws')}{ECHO}"):
            pass
    assert caught.value.response.status_code == 401


async def test_a_keys_rate_limit_and_revocation_reach_an_open_connection(server: Server) -> None:
    limited = create(server, rateLimitPerMinute=2)["secret"]
    async with opened(server, key=limited) as socket:
        for _ in range(5):  # a minute may begin in between
            await socket.send("one")
        code, reason = await closed(socket)
        assert (code, reason.partition(":")[0]) == (1008, "RATE_LIMITED")
    key = create(server)
    async with opened(server, key=key["secret"]) as socket:
        server.graphql(REVOKE, id=key["key"]["id"])
        await socket.send("one")
        code, reason = await closed(socket)
        assert (code, reason.partition(":")[0]) == (1008, "KEY_REVOKED")


async def test_what_a_handler_raises_closes_the_connection_and_shows_no_secret(server: Server) -> None:
    async with opened(server) as socket:
        await socket.send("flaky")
        assert await closed(socket) == (1008, "PROBE_FLAKY: Try again.")
    async with opened(server) as socket:
        await socket.send("secret")
        code, reason = await closed(socket)
    assert code == 1011
    assert reason.startswith("INTERNAL_ERROR: ")
    assert "SELECT" not in reason


async def test_a_message_that_is_too_long_closes_the_connection(server: Server) -> None:
    async with opened(server) as socket:
        await socket.send("x" * 1001)
        assert (await closed(socket))[0] == 1009


def test_plain_http_is_told_that_the_address_is_for_websockets(server: Server) -> None:
    answer = httpx.get(f"{server.address}{ECHO}")
    assert answer.status_code == 404
    assert "WebSockets" in answer.json()["errors"][0]["message"]


async def test_the_servers_shutdown_closes_open_connections(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.prepare()
    server.start()
    async with opened(server) as socket:
        assert server.process is not None
        server.process.send_signal(signal.SIGTERM)
        assert (await closed(socket))[0] == 1012
    server.stop()
    assert "Traceback" not in server.log()
