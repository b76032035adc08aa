"""Several servers over one database, and what its books say of them."""

from __future__ import annotations

import secrets
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import select, text
from tests.serving import Server

from skyhook.accounts.models import Organization
from skyhook.billing.reconciliation import reconcile
from skyhook.database import Database
from skyhook.payments.reconciliation import verify

WORD = 1_000_000
"""Nano-dollars of a word of the probe."""
STARTS_AT_ONCE = 4


class Fleet:
    """Servers with the probe plugin, each with a data folder of its own."""

    def __init__(self, folder: Path, url: str, count: int, environment: dict[str, str] | None = None) -> None:
        shared = {"SKYHOOK_SECRET": secrets.token_hex(32), **(environment or {})}
        self.url = url
        self.servers = [
            Server(folder / f"server-{number}", database_url=url, environment=dict(shared))
            for number in range(count)
        ]
        for server in self.servers:
            server.data.mkdir(parents=True)

    @property
    def first(self) -> Server:
        """The server whose data folder has the first key."""
        return self.servers[0]

    @property
    def key(self) -> str:
        """The first organization's key."""
        return self.first.key

    def start(self, servers: Sequence[Server] | None = None) -> None:
        """Starts servers, all if none are named, a few at a time."""
        with ThreadPoolExecutor(STARTS_AT_ONCE) as threads:
            list(threads.map(lambda server: server.start(), self.servers if servers is None else servers))

    def stop(self) -> None:
        """Ends those that run, as an operator does."""
        with ThreadPoolExecutor(STARTS_AT_ONCE) as threads:
            list(threads.map(Server.stop, self.servers))

    def reconcile(self) -> str:
        """What `skyhook billing reconcile` prints. Raises RuntimeError where it finds a difference."""
        return self.first.command("billing", "reconcile").strip()


@contextmanager
def fleet(folder: Path, url: str, count: int, environment: dict[str, str] | None = None) -> Iterator[Fleet]:
    """Running servers over a new database, whose processes end with the block."""
    running = Fleet(folder, url, count, environment)
    try:
        running.first.prepare()
        running.start()
        yield running
    finally:
        for server in running.servers:
            end(server)


def end(server: Server) -> None:
    """Ends a server that may run still, and then whatever it has left behind."""
    if server.process is None or server.process.poll() is not None:
        return
    try:
        server.stop()
    except subprocess.TimeoutExpired:
        server.kill()


def children(server: Server) -> list[int]:
    """The processes that a server has started."""
    assert server.process is not None
    tasks = Path(f"/proc/{server.process.pid}/task")
    try:
        return [int(pid) for task in tasks.iterdir() for pid in (task / "children").read_text().split()]
    except OSError:
        return []


def is_alive(pid: int) -> bool:
    """Whether a process runs still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def one(database: Database, query: str, **values: Any) -> Any:
    """The first value that a query gives."""
    async with database.read() as session:
        return await session.scalar(text(query), values)


async def first_organization(database: Database) -> UUID:
    """The one that the fleet's key is of."""
    async with database.read() as session:
        return (await session.scalars(select(Organization.id))).one()


async def unbalanced(database: Database) -> dict[str, int]:
    """The currencies whose postings do not sum to zero."""
    query = "SELECT asset, SUM(amount) FROM ledger_postings GROUP BY asset HAVING SUM(amount) <> 0"
    async with database.read() as session:
        return {asset: int(total) for asset, total in await session.execute(text(query))}


async def differences(database: Database) -> list[str]:
    """What the books disagree about."""
    async with database.read() as session:
        return await reconcile(session) + await verify(session)
