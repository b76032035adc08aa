"""How the tests look at other processes and wait for what happens in them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable
from pathlib import Path
from typing import TypeVar

from skyhook.configuration import Configuration

T = TypeVar("T")


def configuration(folder: Path) -> Configuration:
    return Configuration(data=folder, port=8000, host="127.0.0.1", database_url="sqlite://")


def is_gone(pid: int) -> bool:
    """Whether a process has ended, be it not yet reaped."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def number_in(path: Path) -> int:
    """The number that a file holds; 0 where there is none yet."""
    return int(path.read_text() or 0) if path.exists() else 0


async def read_into(chunks: list[T], stream: AsyncIterable[T]) -> None:
    """Keeps what a stream yields, also where it ends in an error."""
    async for chunk in stream:
        chunks.append(chunk)


async def eventually(condition: Callable[[], bool], within_s: float = 10.0) -> None:
    """Waits until the condition holds; fails where it does not in time."""
    async with asyncio.timeout(within_s):
        while not condition():  # noqa: ASYNC110 (nothing tells of what other processes do)
            await asyncio.sleep(0.01)
