"""Settlements a second and their p99: group commit beside a transaction for each call, in one run.

    python benchmarks/settlement.py [POSTGRESQL_URL]

SQLite runs in a temporary folder with full durability (WAL, synchronous=FULL). A PostgreSQL database must be
empty; the tables are made in it. "CPU" is that of this whole process: client, event loop and, on SQLite, the
database.
"""

from __future__ import annotations

import asyncio
import importlib
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from skyhook.accounts.models import Organization
from skyhook.billing import Billing, Hold, Payer, Receipt, Served, settlement
from skyhook.clock import new_id, now
from skyhook.database import Base, Database
from skyhook.plugins.manifest import Meter

METERS = (
    Meter("chat.input_tokens", "Input", "token", 50),
    Meter("chat.output_tokens", "Output", "token", 150),
)
CALLERS = (1, 16, 64)
WARM_UP_S = 1.0
SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Figure:
    """What one run gave."""

    rate: float
    """Settlements a second."""
    p99_ms: float
    cpu_us: float
    """CPU time of this process for each settlement, the hold included."""


async def call(billing: Billing, payer: Payer) -> Receipt:
    """One call's way through billing: hold, then settle."""
    hold: Hold = await billing.hold(payer, {"chat.input_tokens": 100, "chat.output_tokens": 500}, "small")
    return await billing.settle(
        Served(
            payer=payer,
            hold=hold,
            plugin="chat",
            operation="chatComplete",
            model="small",
            quantities={"chat.input_tokens": 100, "chat.output_tokens": 120},
            outcome="completed",
            started_at=now(),
            duration_ms=3,
            idempotency=None,
        )
    )


async def measure(one: Callable[[], Awaitable[object]], callers: int) -> Figure:
    """Runs `one` in so many concurrent loops: a short warm-up, then `SECONDS` that are measured."""
    latencies: list[float] = []

    async def loop(ends: float) -> None:
        while (at := time.perf_counter()) < ends:
            await one()
            latencies.append(time.perf_counter() - at)

    async def together(seconds: float) -> None:
        ends = time.perf_counter() + seconds
        await asyncio.gather(*(loop(ends) for _ in range(callers)))

    await together(WARM_UP_S)
    latencies.clear()
    begun, cpu = time.perf_counter(), time.process_time()
    await together(SECONDS)
    took = time.perf_counter() - begun
    return Figure(
        rate=len(latencies) / took,
        p99_ms=statistics.quantiles(latencies, n=100)[98] * 1000,
        cpu_us=(time.process_time() - cpu) / len(latencies) * 1e6,
    )


async def prepare(url: str) -> tuple[Database, Billing, list[Payer]]:
    """A database with every table, and four organizations with credit."""
    for domain in ("keys", "ledger", "usage", "billing"):
        importlib.import_module(f"skyhook.{domain}.models")
    database = Database(url)
    organizations: list[UUID] = [new_id() for _ in range(4)]
    async with database.write() as session:
        await (await session.connection()).run_sync(Base.metadata.create_all)
        session.add_all(Organization(id=id, name="Bench", slug=f"bench-{id.hex}") for id in organizations)
    billing = Billing(database)
    await billing.start()
    await billing.seed_prices(METERS, ())
    for organization in organizations:
        await billing.grant(organization, 10**15, reason="benchmark", key="start")
    return (
        database,
        billing,
        [Payer(organization, new_id(), new_id(), 10**14) for organization in organizations],
    )


async def compare(name: str, url: str) -> None:
    """Prints one table: group commit, a transaction for each call, and their ratio."""
    database, billing, payers = await prepare(url)
    turns = iter(range(10**9))

    async def one() -> object:
        return await call(billing, payers[next(turns) % len(payers)])

    print(f"\n{name}\ncallers | group: /s   p99 ms  CPU us | single: /s  p99 ms  CPU us | ratio")
    for callers in CALLERS:
        largest = settlement.LARGEST_BATCH
        group = await measure(one, callers)
        settlement.LARGEST_BATCH = 1
        try:
            single = await measure(one, callers)
        finally:
            settlement.LARGEST_BATCH = largest
        ratio = group.rate / single.rate
        print(
            f"{callers:7} | {group.rate:9,.0f} {group.p99_ms:8.1f} {group.cpu_us:7.0f} "
            f"| {single.rate:10,.0f} {single.p99_ms:7.1f} {single.cpu_us:7.0f} | {ratio:5.1f}"
        )
    await billing.close()
    await database.close()


def main() -> None:
    with tempfile.TemporaryDirectory(dir=".") as folder:
        asyncio.run(compare("SQLite, synchronous=FULL", f"sqlite:///{Path(folder).absolute() / 'bench.db'}"))
    if len(sys.argv) > 1:
        asyncio.run(compare("PostgreSQL", sys.argv[1]))


if __name__ == "__main__":
    main()
