"""A process that puts artifacts: one of 300 MiB, or several at a time until it is killed."""

from __future__ import annotations

import asyncio
import os
import resource
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

from skyhook.artifacts.service import Artifacts
from skyhook.configuration import Configuration
from skyhook.database import Database


async def parts(size: int, mark: bytes) -> AsyncIterator[bytes]:
    for number in range(size // 65_536):
        yield mark + number.to_bytes(8, "big") + bytes(65_536 - 8 - len(mark))


async def main(what: str, url: str, folder: str, organization: UUID) -> None:
    database = Database(url)
    artifacts = Artifacts(database, Configuration(Path(folder), 0, "127.0.0.1", url), b"s" * 32)

    async def forever() -> None:
        while True:
            made = await artifacts.put(organization, parts(3_000_000, os.urandom(2)), name="a")
            print("put", flush=True)
            if made.sha256 < "8":
                await artifacts.delete(organization, made.id)
            await artifacts.sweep()

    if what == "large":
        await artifacts.put(organization, b"first", name="a")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        await artifacts.put(organization, parts(300 * 2**20, b""), name="large")
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    else:
        await asyncio.gather(*(forever() for _ in range(4)))


asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], UUID(sys.argv[4])))
