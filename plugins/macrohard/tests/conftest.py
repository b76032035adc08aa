"""A server that may reach loopback, and a site to try tasks on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from operating_sites import Site
from operator_client import Client
from tests.functions.chat.test_upstream import server as upstream
from tests.serving import Server

__all__ = ["upstream"]


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as site:
        yield site


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    environment = {"SKYHOOK_MACROHARD_ALLOW_PRIVATE": "true", "UPSTREAM_KEY": "sk-upstream"}
    server = Server(tmp_path_factory.mktemp("macrohard"), environment=environment)
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Client:
    return Client(server)
