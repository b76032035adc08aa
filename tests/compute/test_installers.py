"""Programs that install: what they print is kept, and nothing of them is left once they took too long."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from skyhook.compute.installers import run_installer


def has_ended(pid: str) -> bool:
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().split()[2] == "Z"


async def test_a_program_tells_its_status_and_what_it_printed() -> None:
    with tempfile.TemporaryFile() as output:
        assert await run_installer(["sh", "-c", "echo out; echo err >&2; exit 3"], output, 10) == 3
        output.seek(0)
        assert output.read() == b"out\nerr\n"


async def test_one_that_takes_too_long_is_killed_with_all_that_it_started(tmp_path: Path) -> None:
    child = tmp_path / "child"
    with tempfile.TemporaryFile() as output, pytest.raises(TimeoutError):
        await run_installer(["sh", "-c", f"sleep 60 & echo $! > {child}; wait"], output, 0.5)
    assert has_ended(child.read_text().strip())
