"""A stand-in of Modal for the tests of this folder, and the environment in which the real client finds it."""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

for name in ("modal", "compute"):
    sys.path.append(str(Path(__file__).parents[1] / name))  # containers import from where the tests do


@pytest.fixture(scope="session")
def modal_server() -> Iterator:
    import modal
    from modal_server import ModalServer

    with ModalServer() as server:
        before = dict(os.environ)
        os.environ.update(server.variables())
        yield server
        modal.Client.from_env().close()
        os.environ.clear()
        os.environ.update(before)


@pytest.fixture
async def compute(deployed: object, tmp_path: Path) -> AsyncIterator:
    """The backend over what the file has deployed."""
    from compute_helpers import configuration

    from skyhook.compute.modal.backend import ModalCompute

    backend = ModalCompute(configuration(tmp_path / "data"), {})
    yield backend
    await backend.close()
