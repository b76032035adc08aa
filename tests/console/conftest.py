"""A server with its console, and somebody who is logged in."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from uuid import uuid4

import httpx
import pytest
from tests.serving import Server

ADMINISTRATOR = "admin@localhost"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("console"), environment={"SKYHOOK_VOICE_IDLE_S": "120"})
    server.prepare()
    server.start()
    yield server
    server.stop()
    log = server.log()
    assert "Traceback" not in log, log


def password(server: Server) -> str:
    return (server.data / "first-password").read_text().strip()


def browser(server: Server) -> httpx.Client:
    """A client that follows no redirect and says where its forms come from, as a browser does."""
    return httpx.Client(base_url=server.address, headers={"Sec-Fetch-Site": "same-origin"}, timeout=60)


def log_in(client: httpx.Client, email: str, secret: str, **more: str) -> httpx.Response:
    return client.post("/console/login", data={"email": email, "password": secret} | more)


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """Logged in as the administrator."""
    with browser(server) as client:
        assert log_in(client, ADMINISTRATOR, password(server)).status_code == 303
        yield client


@pytest.fixture(scope="session")
def looking(server: Server) -> str:
    """The address of a member of the first organization who may only look."""
    email = f"{uuid4().hex}@example.com"
    server.command("users", "create", email, "--password", "just looking")
    with closing(sqlite3.connect(server.data / "skyhook.db")) as rows, rows:
        rows.execute(
            "INSERT INTO members (id, organization_id, user_id, role, created_at) "
            "SELECT ?, organizations.id, users.id, 'viewer', CURRENT_TIMESTAMP FROM organizations, users "
            "WHERE slug = 'first' AND email = ?",
            (uuid4().hex, email),
        )
    return email


@pytest.fixture
def viewer(server: Server, looking: str) -> Iterator[httpx.Client]:
    """Logged in as somebody who may only look."""
    with browser(server) as client:
        log_in(client, looking, "just looking")
        yield client
