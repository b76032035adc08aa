"""A server with its console, and somebody who is logged in."""

from __future__ import annotations

from collections.abc import Iterator

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
