"""A server for the tests of the money plugin, and two organizations on it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from banking import Bank, treasurer
from tests.serving import Server

from tests.conftest import (
    cluster,
    database_url,
    new_database_url,
    postgresql_url,
    sqlite_template,
    sqlite_url,
)

__all__ = [
    "cluster",
    "database_url",
    "new_database_url",
    "postgresql_url",
    "sqlite_template",
    "sqlite_url",
]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("money"))
    server.prepare()
    user = ("ben@example.com", "--name", "Ben", "--password", "correct horse battery")
    server.command("users", "create", *user)
    server.command("organizations", "create", "second", "--owner", "ben@example.com")
    server.command("credit", "grant", "second", "5")
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def anna(server: Server) -> Bank:
    """The first organization, which has the treasury."""
    return treasurer(server)


@pytest.fixture(scope="session")
def ben(server: Server, anna: Bank) -> Bank:
    """Another organization."""
    return Bank(server, server.command("keys", "create", "second").strip(), anna)
