"""A server process for the tests: `worker.py URL` delivers what is due until it is killed."""

from __future__ import annotations

import asyncio
import sys

from skyhook.accounts.models import Organization
from skyhook.database import Database
from skyhook.webhooks.service import Webhooks

SECRET = b"s" * 32

assert Organization.__table__ is not None  # the table that those of webhooks refer to is known


async def main(url: str) -> None:
    webhooks = Webhooks(Database(url), SECRET, allow_private=True)
    await webhooks.start()
    print("started", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
