"""A server for the tests of plugins, whose organization switches them off and on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("plugins"), environment={"SKYHOOK_JOBS_AT_ONCE": "1"})
    server.prepare()
    server.start()
    yield server
    server.stop()
