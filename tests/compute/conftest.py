"""A local backend in a folder of its own."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from skyhook.compute.local import LocalCompute

sys.path.append(str(Path(__file__).parent))  # a worker imports sample_functions from where the server does


@pytest.fixture
async def compute(tmp_path: Path) -> AsyncGenerator[LocalCompute, None]:
    from compute_helpers import configuration, is_gone

    backend = LocalCompute(configuration(tmp_path / "data"))
    await backend.start()
    yield backend
    pids = [status.pid for status in backend.status() if status.pid is not None]
    await backend.close()
    assert all(map(is_gone, pids)), "a worker outlived its backend"
