"""A server whose catalogue has tiny random models of pictures and of video."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from imagining import Studio
from tests.functions.imagine.test_small import films, scenes
from tests.serving import Server

__all__ = ["films", "scenes"]


def add_models(server: Server, **folders: Path) -> None:
    """Adds models to the catalogue."""
    for name, folder in folders.items():
        options = ("--plugin", "imagine", "--folder", str(folder), "--context-tokens", "1")
        server.command("models", "add", name, *options)


@pytest.fixture(scope="module")
def new_server(scenes: Path, films: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Server]:
    """Makes a server that has not been started."""

    def make() -> Server:
        environment = {"SKYHOOK_IMAGINE_BLOCKED_WORDS": "forbidden thing, Weapon"}
        server = Server(tmp_path_factory.mktemp("imagine"), environment=environment)
        server.prepare()
        add_models(server, scenes=scenes, films=films)
        return server

    return make


@pytest.fixture(scope="module")
def server(new_server: Callable[[], Server]) -> Iterator[Server]:
    server = new_server()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def studio(server: Server) -> Studio:
    return Studio(server)
