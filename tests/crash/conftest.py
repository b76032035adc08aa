"""Servers that are killed, with their functions on this machine and on a stand-in of Modal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.serving import Server

sys.path.append(str(Path(__file__).parents[1] / "modal"))


@dataclass
class Backend:
    """A server over one of the backends, and what can be seen of the calls that its jobs have begun."""

    server: Server
    modal: Any = None
    """The stand-in; None on this machine."""
    _before: set[str] = field(default_factory=set)

    def forget(self) -> None:
        """Calls are counted from now on."""
        self._before = {call.id for call in self._all()}

    def calls(self) -> list[Any]:
        """The detached calls, oldest first."""
        return [call for call in self._all() if call.id not in self._before]

    def _all(self) -> list[Any]:
        if self.modal is None:
            return []
        calls = list(self.modal.state.calls.values())
        return [call for call in calls if call.input.method_name == "work"]


@pytest.fixture(scope="module", params=["local", "modal"])
def backend(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    folder = tmp_path_factory.mktemp(request.param)
    started: list[Callable[[], Any]] = []
    try:
        if request.param == "modal":
            from modal_server import ModalServer

            modal = ModalServer().__enter__()
            started.append(lambda: modal.__exit__(None, None, None))
            environment = modal.variables() | {"SKYHOOK_COMPUTE": "modal"}
            backend = Backend(Server(folder, environment=environment), modal)
            backend.server.command("functions", "deploy")
        else:
            backend = Backend(Server(folder))
        backend.server.prepare()
        started.append(backend.server.stop)
        backend.server.start()
        yield backend
    finally:
        for end in reversed(started):
            end()
