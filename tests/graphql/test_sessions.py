"""Streams in the name of who is logged in: which pages may open them, and when they end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
import uvicorn
from litestar import Litestar
from sqlalchemy import delete, select, update
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Origin, Subprotocol

from skyhook.accounts.models import Member, Role, Session
from skyhook.accounts.service import Accounts
from skyhook.accounts.sessions import COOKIE, Sessions
from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.graphql import watching
from skyhook.graphql.budget import Unlimited
from skyhook.graphql.routes import graphql_routes
from skyhook.plugins.host import PluginHost
from skyhook.services import Services

from .conftest import wait_until
from .example import SCHEMA
from .example import Services as Counters

ENDLESS = "subscription { count(to: 1000000, every: 0.05) }"


@dataclass
class Served:
    """A server with sessions, and somebody who is logged in there as the member of an organization."""

    port: int
    counters: Counters
    database: Database
    sessions: Sessions
    token: str
    member_id: UUID

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self, origin: str | None, token: str | None = None) -> connect:
        """A WebSocket with the session's cookie, as the page of a site opens it."""
        return connect(
            f"ws://127.0.0.1:{self.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            origin=Origin(origin) if origin else None,
            additional_headers={"Cookie": f"{COOKIE}={token or self.token}"},
        )


@pytest.fixture
def url(sqlite_url: Callable[[], str]) -> str:
    return sqlite_url()


@pytest.fixture
def running(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[int, Services, Counters]]:
    """The example's schema for the sessions of a real database, which are checked often."""
    monkeypatch.setattr(watching, "CHECKED_EVERY_S", 0.05)
    services, counters = (
        Services.build(Configuration(tmp_path, 1, "localhost", url), PluginHost()),
        Counters(),
    )
    routes = graphql_routes(SCHEMA, services.authenticate, Unlimited(), counters, watch=services.watch)
    app = Litestar(routes, openapi_config=None, on_shutdown=[services.database.close])
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    yield server.servers[0].sockets[0].getsockname()[1], services, counters
    server.should_exit = True
    thread.join(timeout=5)


@pytest.fixture
async def served(running: tuple[int, Services, Counters], url: str, tmp_path: Path) -> AsyncIterator[Served]:
    port, _, counters = running
    database = Database(url)
    accounts, secret = Accounts(database), bytes.fromhex((tmp_path / "secret").read_text())
    sessions = Sessions(database, secret, ["account:read", "chat:complete"])
    owner = await accounts.create_user("owner@example.com", "Owner")
    user = await accounts.create_user("heron@example.com", "Heron")
    first = await accounts.create_organization("Herons", "herons", owner.id)
    member = Member(id=new_id(), organization_id=first.id, user_id=user.id, role=Role.DEVELOPER)
    async with database.write() as session:
        session.add(member)
    token = await sessions.open(user, "127.0.0.1", "a browser")
    yield Served(port, counters, database, sessions, token, member.id)
    await database.close()


async def begin(socket: ClientConnection, **payload: Any) -> dict[str, Any]:
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    answer: dict[str, Any] = json.loads(await asyncio.wait_for(socket.recv(), 5))
    return answer


async def count(socket: ClientConnection) -> None:
    """Starts a stream that does not end by itself, and waits for its first event."""
    await socket.send(json.dumps({"type": "subscribe", "id": "1", "payload": {"query": ENDLESS}}))
    assert json.loads(await asyncio.wait_for(socket.recv(), 5))["payload"] == {"data": {"count": 0}}


async def closed(socket: ClientConnection) -> tuple[int | None, str | None]:
    async with asyncio.timeout(10):
        try:
            while True:
                await socket.recv()
        except ConnectionClosed:
            return socket.close_code, socket.close_reason


async def log_out(served: Served) -> None:
    async with served.database.write() as session:
        await session.execute(delete(Session))


async def leave(served: Served) -> None:
    async with served.database.write() as session:
        await session.execute(delete(Member).where(Member.id == served.member_id))


async def become_viewer(served: Served) -> None:
    async with served.database.write() as session:
        await session.execute(update(Member).where(Member.id == served.member_id).values(role=Role.VIEWER))


ENDS = [log_out, leave, become_viewer]


async def test_a_page_of_the_server_opens_a_socket_for_an_organization(served: Served) -> None:
    async with served.connect(served.origin) as socket:
        assert await begin(socket, organization="herons") == {"type": "connection_ack"}
        await socket.send(
            json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "subscription { mine }"}})
        )
        mine = json.loads(await socket.recv())["payload"]["data"]["mine"]
    async with served.database.read() as session:
        assert mine == str(await session.scalar(select(Member.organization_id).limit(1)))


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "http://127.0.0.1:1", "http://evil.127.0.0.1", "null", None]
)
async def test_a_page_of_another_site_is_refused_whatever_cookie_it_carries(
    served: Served, origin: str | None
) -> None:
    async with served.connect(origin) as socket:
        await socket.send('{"type": "connection_init", "payload": {"organization": "herons"}}')
        code, reason = await closed(socket)
    assert code == 4403
    assert reason == "FORBIDDEN: Only a page of this server asks for who is logged in"


async def test_without_an_organization_a_cookie_is_nobody(served: Served) -> None:
    async with served.connect("https://evil.example") as socket:
        assert await begin(socket) == {"type": "connection_ack"}
        await socket.send(
            json.dumps({"type": "subscribe", "id": "1", "payload": {"query": "subscription { mine }"}})
        )
        answer = json.loads(await socket.recv())
    assert "UNAUTHENTICATED" in json.dumps(answer)


async def test_a_session_that_has_ended_and_an_organization_of_others_are_refused(served: Served) -> None:
    for token, organization, code in (("none", "herons", "SESSION_ENDED"), (None, "egrets", "NOT_FOUND")):
        async with served.connect(served.origin, token) as socket:
            await socket.send(
                json.dumps({"type": "connection_init", "payload": {"organization": organization}})
            )
            closed_with, reason = await closed(socket)
        assert closed_with == 4403
        assert str(reason).startswith(code)


async def test_an_organization_that_is_no_text_is_refused(served: Served) -> None:
    async with served.connect(served.origin) as socket:
        await socket.send('{"type": "connection_init", "payload": {"organization": ["herons"]}}')
        assert (await closed(socket))[0] == 4400


@pytest.mark.parametrize("end", ENDS)
async def test_a_socket_ends_soon_after_its_session_or_membership(served: Served, end: Any) -> None:
    async with served.connect(served.origin) as socket:
        await begin(socket, organization="herons")
        await count(socket)
        await end(served)
        code, reason = await closed(socket)
    assert code == 4403
    assert str(reason).startswith("SESSION_ENDED")
    wait_until(lambda: served.counters.closed == 1)


@pytest.mark.parametrize("end", ENDS)
async def test_a_stream_of_events_ends_too_and_says_why(served: Served, end: Any) -> None:
    headers = {"Accept": "text/event-stream", "Skyhook-Organization": "herons"}
    async with (
        httpx.AsyncClient(base_url=served.origin, cookies={COOKIE: served.token}, timeout=10) as client,
        client.stream("POST", "/graphql", json={"query": ENDLESS}, headers=headers) as answer,
    ):
        lines = answer.aiter_lines()
        assert await anext(lines) == "event: next"
        await end(served)
        rest = [line async for line in lines]
    assert "SESSION_ENDED" in next(line for line in rest if '"errors"' in line)
    assert "event: complete" in rest
    wait_until(lambda: served.counters.closed == 1)


async def test_a_stream_outlives_a_renewed_session_and_keeps_none_alive(served: Served) -> None:
    visitor = await served.sessions.visitor(served.token)
    assert visitor is not None
    long_ago = visitor.session.used_at.replace(year=2020)
    async with served.connect(served.origin) as socket:
        await begin(socket, organization="herons")
        await count(socket)
        async with served.database.write() as session:
            await session.execute(update(Session).values(used_at=long_ago))
        await served.sessions.renew(visitor)
        for _ in range(20):  # a second, in which the session is checked often
            assert json.loads(await socket.recv())["type"] == "next"
    async with served.database.read() as session:
        assert (await session.scalars(select(Session.used_at))).one() == long_ago
