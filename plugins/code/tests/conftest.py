"""A server whose plugin `code` runs programs on this machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from programs import Programs
from tests.functions.chat.conftest import checkpoints, llama, tokenizer
from tests.serving import Server

__all__ = ["checkpoints", "llama", "tokenizer"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("code"), environment={"ATTACKED_TOKEN": "a-secret"})
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def programs(server: Server) -> Programs:
    return Programs(server)
