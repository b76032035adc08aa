"""A server for the tests of the voice plugin."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from minds import Mind, thinking
from tests.serving import Server


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("voice"), environment={"UPSTREAM_KEY": "sk-upstream"})
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def bare_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server without espeak-ng, whose sessions may be idle for a second and go on for four only."""
    folder = tmp_path_factory.mktemp("bare")
    limits = {"SKYHOOK_VOICE_IDLE_S": "1", "SKYHOOK_VOICE_SESSION_S": "4"}
    server = Server(folder, environment={"PATH": str(folder)} | limits)
    server.prepare()
    server.start()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def session_mind(server: Server) -> Iterator[Mind]:
    """A scripted mind, which the server knows as `mind`."""
    with thinking() as mind:
        server.command(
            *("models", "add", "mind", "--upstream", mind.base_url, "--upstream-name", "mind"),
            *("--api-key-variable", "UPSTREAM_KEY", "--context-tokens", "4000"),
        )
        while "mind" not in str(server.graphql("{ chatModels { name } }")):
            pass
        yield mind


@pytest.fixture
def mind(session_mind: Mind) -> Mind:
    """The scripted mind, with an empty script."""
    session_mind.script, session_mind.requests, session_mind.tool_call = {}, [], None
    return session_mind
