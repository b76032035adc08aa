"""Real processes: nobody overspends together; a kill -9 loses and repeats nothing that was acknowledged."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import select

from skyhook.accounts.models import Organization
from skyhook.billing import Billing, Payer
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.ledger.models import LedgerAccount
from skyhook.usage.models import UsageEvent

from .conftest import METERS, prove

WORKER = Path(__file__).with_name("worker.py")
BUDGET = 200_000
HOLD = 1_000


def start(mode: str, url: str, payer: Payer) -> subprocess.Popen[str]:
    """A server process that does what `worker.py` says of `mode`."""
    arguments = [sys.executable, str(WORKER), mode, url, str(payer.organization_id), str(payer.key_id)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


async def prepare(database: Database, credit: int) -> Payer:
    """An organization with that credit, and the prices."""
    organization = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization, name="Acme", slug=organization.hex))
    billing = Billing(database)
    await billing.seed_prices(METERS, ())
    await billing.grant(organization, credit, reason="start", key="start")
    return Payer(organization, new_id(), None, None)


async def least_available(database: Database, organization_id: UUID) -> int:
    """The least credit that was neither spent nor held, until it is cancelled."""
    billing, least = Billing(database), 800_000
    with suppress(asyncio.CancelledError):
        while True:
            least = min(least, (await billing.balance(organization_id)).available)
            await asyncio.sleep(0.01)
    return least


async def test_processes_spend_all_the_credit_and_no_more(postgresql_url: Callable[[], str]) -> None:
    url = postgresql_url()
    database = Database(url)
    payer = await prepare(database, 800_000)
    workers = [start("exhaust", url, payer) for _ in range(5)]
    watching = asyncio.create_task(least_available(database, payer.organization_id))
    outputs = [await asyncio.to_thread(worker.communicate) for worker in workers]
    watching.cancel()
    assert await watching >= 0
    assert [worker.returncode for worker in workers] == [0] * len(workers)
    charged = [sum(figures) for figures in zip(*(map(int, out.split()) for out, _ in outputs), strict=True)]

    balance = await Billing(database).balance(payer.organization_id)
    assert balance.held == 0
    assert 0 <= balance.balance < HOLD
    assert sum(charged) == 800_000 - balance.balance
    async with database.read() as session:
        spent = await session.scalar(
            select(LedgerAccount.balance).where(LedgerAccount.kind == "key_budget_spent")
        )
    assert spent is not None
    assert spent == charged[1]
    assert BUDGET - HOLD < spent <= BUDGET
    await prove(database)
    await database.close()


async def test_kill_9_keeps_what_was_acknowledged_once(database: Database, database_url: str) -> None:
    payer = await prepare(database, 10**12)
    acknowledged: dict[UUID, str] = {}
    for _ in range(3):
        worker = start("settle", database_url, payer)
        assert worker.stdout is not None
        count = random.randint(1, 300)
        lines = [await asyncio.to_thread(worker.stdout.readline) for _ in range(count)]
        worker.kill()
        lines += (await asyncio.to_thread(worker.stdout.read)).splitlines()
        worker.wait()
        worker.stdout.close()
        acknowledged |= {UUID(line.split()[0]): line.split()[1] for line in lines}
    await prove(database)
    async with database.read() as session:
        events = set(await session.scalars(select(UsageEvent.id)))
    assert acknowledged
    assert acknowledged.keys() <= events

    later = now() + timedelta(seconds=31)
    billing = Billing(database, clock=lambda: later)
    assert (await billing.balance(payer.organization_id)).held > 0
    await billing.maintain()
    assert (await billing.balance(payer.organization_id)).held == 0
    for key in acknowledged.values():
        stored = await billing.idempotency.begin(payer.organization_id, key, "chatComplete", b"request")
        assert stored == key.encode()
    await prove(database)
