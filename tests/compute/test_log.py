"""What functions print on this machine, as their operator reads it."""

from __future__ import annotations

import asyncio
import os
from contextlib import aclosing
from pathlib import Path

import pytest

from skyhook.compute import log
from skyhook.compute.log import lines_of


async def read(paths: list[Path], lines: int) -> list[str]:
    return [text async for text in lines_of(paths, lines, follows=False)]


async def test_the_last_lines_are_shown_of_the_logs_that_there_are(tmp_path: Path) -> None:
    one, other = tmp_path / "one.log", tmp_path / "other.log"
    one.write_text("1\n2\n3\n")
    assert await read([one], 2) == ["2\n3\n"]
    assert await read([one, other], 1) == ["==> one.log <==\n3\n"]


async def test_a_log_that_is_followed_shows_what_comes_also_after_it_was_emptied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "FOLLOW_S", 0.01)
    path = tmp_path / "one.log"
    path.write_text("first\n")
    async with asyncio.timeout(10), aclosing(lines_of([path], 10, follows=True)) as texts:
        assert await anext(texts) == "first\n"
        following = asyncio.create_task(anext(texts))
        await asyncio.sleep(0.05)
        with path.open("a") as file:
            file.write("second, a longer one\n")
        assert await following == "second, a longer one\n"
        os.truncate(path, 0)
        with path.open("a") as file:
            file.write("third\n")
        assert await anext(texts) == "third\n"
