"""An app for the tests of the stand-in itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import modal

app = modal.App("sample")


@app.cls(timeout=60, serialized=False)
@modal.concurrent(max_inputs=4)
class Sample:
    @modal.enter()
    def load(self) -> None:
        self.loaded = True

    @modal.method()
    async def add(self, one: int, other: int) -> int:
        assert self.loaded
        return one + other

    @modal.method()
    async def reverse(self, data: bytes) -> bytes:
        return data[::-1]

    @modal.method()
    async def count(self, end: int) -> AsyncIterator[int]:
        for number in range(end):
            yield number

    @modal.method()
    async def fail(self) -> None:
        raise ValueError("as told")

    @modal.method()
    async def hang(self, path: str) -> None:
        try:
            Path(path).write_text("began")  # noqa: ASYNC240 (a few bytes)
            await asyncio.sleep(600)
        except asyncio.CancelledError:
            Path(path).write_text("cancelled")  # noqa: ASYNC240
            raise

    @modal.method()
    async def crash(self) -> None:
        os._exit(7)
