"""A database with a million usage events, written through the real tables and their triggers.

Roll-ups by hour are added up here, in Python: what is compared later was not computed by what compares.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.billing import Billing
from skyhook.billing.funds import Fund, FundAccounts, open_fund
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.ledger.models import LedgerEntry
from skyhook.usage import rollups
from skyhook.usage.models import CALL
from skyhook.usage.recording import EVENTS, HOURS

ORGANIZATIONS = 20
KEYS = 3
DAYS = 30
BATCH = 2_000
"""Events of one transaction."""
OPERATIONS = tuple((f"plugin{n % 3}", f"plugin{n % 3}Act{n}", f"model-{n}") for n in range(4))
CREDIT = 10**15
_ENTRIES = LedgerEntry.metadata.tables[LedgerEntry.__tablename__]


@dataclass(frozen=True, slots=True)
class Customer:
    """An organization that calls."""

    id: UUID
    keys: tuple[UUID, ...]
    accounts: FundAccounts


async def fill(database: Database, events: int) -> None:
    """Writes that many events of the last days, each paid by a transfer of its own: the most there can be."""
    customers = [await _customer(database) for _ in range(ORGANIZATIONS)]
    hours: dict[tuple[Any, ...], list[int]] = {}
    for batch in _batches(events, customers, hours):
        await _write(database, batch)
    rows = [(*key, *figures) for key, figures in hours.items()]
    for first in range(0, len(rows), 50_000):
        await _copy(database, HOURS.name, HOURS.columns.keys(), rows[first : first + 50_000])
    async with database.write() as session:
        await rollups.roll_days(session, now())
    if not database.is_sqlite:
        connection = await asyncpg.connect(_dsn(database))
        await connection.execute("VACUUM ANALYZE")
        await connection.close()


async def _customer(database: Database) -> Customer:
    organization = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization, name="Acme", slug=organization.hex))
        await session.flush()
        accounts = await open_fund(session, Fund(organization))
    await Billing(database).grant(organization, CREDIT, reason="benchmark", key="benchmark")
    return Customer(organization, tuple(new_id() for _ in range(KEYS)), accounts)


def _batches(
    events: int, customers: Sequence[Customer], hours: dict[tuple[Any, ...], list[int]]
) -> Iterator[list[tuple[tuple[Any, ...], tuple[Any, ...]]]]:
    """Events with the entries that paid them, a batch at a time; adds them to `hours`."""
    dice = random.Random(1)  # noqa: S311 - figures, the same each time
    nobody = UUID(int=0)
    begin = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    step = timedelta(days=DAYS) / events
    batch = []
    for number in range(events):
        at = begin + step * number
        customer, (plugin, operation, model) = dice.choice(customers), dice.choice(OPERATIONS)
        key, given, written = dice.choice(customer.keys), dice.randrange(1, 2_000), dice.randrange(1, 500)
        quantities = {f"{plugin}.input": [given, given * 100], f"{plugin}.output": [written, written * 400]}
        cost, transfer = given * 100 + written * 400, id_at(at)
        event = (
            id_at(at), customer.id, key, None, plugin, operation, model, quantities, cost, "completed",
            at, 20, transfer,
        )  # fmt: skip
        entry = (
            id_at(at), transfer, 0, customer.accounts.funded, customer.accounts.spent,
            customer.accounts.asset, cost, "usage", at,
        )  # fmt: skip
        batch.append((event, entry))
        hour = at.replace(minute=0, second=0, microsecond=0)
        for meter, quantity, paid in ((CALL, 0, cost), *((name, *both) for name, both in quantities.items())):
            figures = hours.setdefault(
                (customer.id, hour, plugin, operation, model, key, nobody, meter), [0, 0, 0]
            )
            figures[0] += quantity
            figures[1] += paid
            figures[2] += 1
        if len(batch) == BATCH or number == events - 1:
            yield batch
            batch = []


def id_at(at: datetime) -> UUID:
    """A UUIDv7 of a time."""
    return UUID(int=round(at.timestamp() * 1000) << 80 | 7 << 76 | new_id().int & ((1 << 76) - 1))


_ENTRY_COLUMNS = (
    "id", "transfer_id", "position", "debit_account_id", "credit_account_id", "asset", "amount", "reference",
    "created_at",
)  # fmt: skip


async def _write(database: Database, batch: list[tuple[tuple[Any, ...], tuple[Any, ...]]]) -> None:
    """Events and entries of one transaction; the ledger's triggers keep the balances."""
    events, entries = [event for event, _ in batch], [entry for _, entry in batch]
    if database.is_sqlite:
        async with database.write() as session:
            await _insert(session, EVENTS, EVENTS.columns.keys(), events)
            await _insert(session, _ENTRIES, _ENTRY_COLUMNS, entries)
        return
    connection = await asyncpg.connect(_dsn(database))
    async with connection.transaction():
        told = [(*event[:7], json.dumps(event[7]), *event[8:]) for event in events]
        await connection.copy_records_to_table(EVENTS.name, records=told, columns=EVENTS.columns.keys())
        await connection.copy_records_to_table(_ENTRIES.name, records=entries, columns=_ENTRY_COLUMNS)
    await connection.close()


async def _copy(
    database: Database, table: str, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    if database.is_sqlite:
        async with database.write() as session:
            await _insert(session, HOURS, columns, rows)
        return
    connection = await asyncpg.connect(_dsn(database))
    await connection.copy_records_to_table(table, records=rows, columns=columns)
    await connection.close()


async def _insert(
    session: AsyncSession, table: Any, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]
) -> None:
    await session.execute(insert(table), [dict(zip(columns, row, strict=True)) for row in rows])


def _dsn(database: Database) -> str:
    return database.url.set(drivername="postgresql").render_as_string(hide_password=False)
