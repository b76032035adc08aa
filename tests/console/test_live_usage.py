"""The counter of the current hour: what it tells, and to whom for how long."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import delete
from tests.console.conftest import ADMINISTRATOR, browser, log_in, password
from tests.console.test_pages import answer_once, make_key, secret_of
from tests.serving import Server

from skyhook.accounts.models import Member, Organization, Role, Session, User
from skyhook.accounts.sessions import Visitor
from skyhook.configuration import Configuration
from skyhook.migrations.environment import upgrade
from skyhook.plugins.host import PluginHost
from skyhook.services import Services
from skyhook_console import live

LIVE = "/console/o/first/usage/live"


def hours(stream: httpx.Response) -> Iterator[dict[str, str]]:
    """What a stream tells."""
    for line in stream.iter_lines():
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def used_at(server: Server, at: str | None = None) -> set[str]:
    """When the sessions were last used; with a time, that of all is set to it."""
    with closing(sqlite3.connect(server.data / "skyhook.db")) as database, database:
        if at is not None:
            database.execute("UPDATE sessions SET used_at = ?", (at,))
        return {used for (used,) in database.execute("SELECT used_at FROM sessions")}


def test_calls_and_failures_are_counted_while_one_looks(server: Server, client: httpx.Client) -> None:
    key = secret_of(make_key(client, name="counted").text)
    with client.stream("GET", LIVE) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["cache-control"] == "no-store"
        told = hours(stream)
        first = next(told)
        answer_once(server, key)
        while int((now := next(told))["calls"]) == int(first["calls"]):
            pass
        assert now["calls"] == str(int(first["calls"]) + 1)
        failure = 'mutation { probeAnswer(behaviour: "refuse", text: "no") }'
        assert "errors" in server.graphql(failure, key=key)
        while int((now := next(told))["failed"]) == int(first["failed"]):
            pass
        assert now["calls"] == str(int(first["calls"]) + 1)


def test_looking_on_keeps_no_session_alive(server: Server, client: httpx.Client) -> None:
    at = "2026-01-01 00:00:00.000000"
    assert used_at(server, at) == {at}
    with client.stream("GET", LIVE) as stream:
        next(hours(stream))
    assert used_at(server) == {at}
    client.get("/console/o/first/usage")
    assert used_at(server) != {at}


def test_nobody_else_is_told(server: Server, client: httpx.Client) -> None:
    assert client.get("/console/o/other/usage/live").status_code == 404
    assert httpx.get(f"{server.address}{LIVE}").status_code == 303


def test_a_stream_ends_whole_when_the_server_is_stopped(tmp_path: Path) -> None:
    server = Server(tmp_path)
    server.prepare()
    server.start()
    with browser(server) as reader:
        log_in(reader, ADMINISTRATOR, password(server))
        with reader.stream("GET", LIVE) as stream:
            told = hours(stream)
            next(told)
            stopping = threading.Thread(target=server.stop)
            stopping.start()
            assert list(told) == []  # httpx raises for one that was cut off
        stopping.join()


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    """Services that are not started, on a database of their own."""
    configuration = replace(
        Configuration.from_environment(), data=tmp_path, database_url=f"sqlite:///{tmp_path}/skyhook.db"
    )
    services = Services.build(configuration, PluginHost())
    await upgrade(services.database, [])
    yield services
    await services.database.close()


async def logged_in(services: Services) -> Visitor:
    """Who is logged in, a member of an organization."""
    organization = Organization(name="Ours", slug="ours")
    user = User(email="who@example.com", name="Who")
    async with services.database.write() as session:
        session.add_all([organization, user])
        await session.flush()
        session.add(Member(organization_id=organization.id, user_id=user.id, role=Role.VIEWER))
    token = await services.sessions.open(user, "127.0.0.1", "a browser")
    visitor = await services.sessions.look(token)
    assert visitor is not None
    return visitor


@pytest.mark.parametrize("gone", [Session, Member])
async def test_a_stream_ends_with_the_session_and_with_the_membership(
    services: Services, monkeypatch: pytest.MonkeyPatch, gone: type[Any]
) -> None:
    monkeypatch.setattr(live, "CHECK_S", 0.0)
    visitor = await logged_in(services)
    caller = visitor.caller(visitor.members[0])
    events = live.events(services, caller, visitor.place("ours"))
    assert (await anext(events)).startswith(b"data: {")
    services.activity.began(caller.organization_id)
    assert b'"running":"1"' in await anext(events)
    async with services.database.write() as session:
        await session.execute(delete(gone))
    services.activity.ended(caller.organization_id)
    assert (await anext(events)).startswith(b"event: ended")
    assert [event async for event in events] == []
