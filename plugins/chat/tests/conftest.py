"""A server whose catalogue has a tiny random model and an upstream one, for the tests of the chat plugin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.functions.chat.conftest import CONTEXT, checkpoints, llama, tokenizer
from tests.functions.chat.test_upstream import Server as Upstream
from tests.functions.chat.test_upstream import server as upstream
from tests.serving import Server

__all__ = ["Upstream", "checkpoints", "llama", "tokenizer", "upstream"]


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, llama: Path) -> Iterator[Server]:
    environment = {"UPSTREAM_KEY": "sk-upstream", "UV_OFFLINE": "1"}
    server = Server(tmp_path_factory.mktemp("chat"), environment=environment)
    server.prepare()
    server.command("models", "add", "tiny", "--folder", str(llama), "--context-tokens", str(CONTEXT))
    server.start()
    yield server
    server.stop()
