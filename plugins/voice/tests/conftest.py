"""A server for the tests of the voice plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("voice"), environment={"UPSTREAM_KEY": "sk-upstream"})
    server.prepare()
    server.start()
    yield server
    server.stop()
