"""What an organization used in a month, by meter and model, as the ledger charged it.

A month has what was moved from credit to spent in it. Usage roll-ups are by when calls began, so calls that
began in one month and were charged in another are found among the events and put where they were charged.
Nothing is charged in a month that is over, so what is summed of it stays as it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.funds import CREDIT_ASSET
from skyhook.clock import first_id
from skyhook.database import Database
from skyhook.invoices.content import Line
from skyhook.invoices.errors import LinesDiffer
from skyhook.invoices.months import bounds
from skyhook.ledger.models import LedgerAccount, LedgerEntry
from skyhook.plugins.manifest import Meter
from skyhook.usage.queries import Metered, metered
from skyhook.usage.recording import EVENTS

WRITTEN_WITHIN = timedelta(hours=1)
"""How far the time in a row's id may lie before the time that the row has."""


@dataclass(slots=True)
class _Sum:
    """What was used of one meter and model."""

    quantity: int = 0
    cost: int = 0
    price: int | None = None
    """What each unit cost so far."""
    is_mixed: bool = False

    def add(self, used: Metered, sign: int) -> None:
        """Adds what was used, or takes it away."""
        self.quantity += sign * used.quantity
        self.cost += sign * used.cost
        if used.quantity:
            self.is_mixed |= used.price is None or self.price not in (None, used.price)
            self.price = used.price


@asynccontextmanager
async def snapshot(database: Database) -> AsyncIterator[AsyncSession]:
    """A session that sees one state of the database, however long it reads."""
    async with database.read() as session:
        if not database.is_sqlite:
            await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        yield session


async def moved(session: AsyncSession, organization_id: UUID, month: str) -> int:
    """What the ledger moved from the organization's credit to spent in a month, in nano-dollars."""
    spent = await _spent_account(session, organization_id)
    first, end = bounds(month)
    query = select(func.coalesce(func.sum(LedgerEntry.amount), 0)).where(
        LedgerEntry.credit_account_id == spent,
        LedgerEntry.id >= first_id(first - WRITTEN_WITHIN),
        LedgerEntry.id < first_id(end + WRITTEN_WITHIN),
        LedgerEntry.created_at >= first,
        LedgerEntry.created_at < end,
    )
    return int(await session.scalar(query) or 0)


async def organizations_charged(session: AsyncSession, month: str) -> list[UUID]:
    """The organizations whose credit anything was charged to in a month."""
    first, end = bounds(month)
    entries = select(LedgerEntry.id).where(
        LedgerEntry.credit_account_id == LedgerAccount.id,
        LedgerEntry.id >= first_id(first - WRITTEN_WITHIN),
        LedgerEntry.id < first_id(end + WRITTEN_WITHIN),
        LedgerEntry.created_at >= first,
        LedgerEntry.created_at < end,
    )
    accounts = await session.scalars(
        select(LedgerAccount.organization_id)
        .where(LedgerAccount.kind == "credit_spent", LedgerAccount.asset == CREDIT_ASSET, entries.exists())
        .order_by(LedgerAccount.organization_id)
    )
    return [one for one in accounts if one is not None]


async def lines_of(
    session: AsyncSession, organization_id: UUID, month: str, meters: Iterable[Meter]
) -> list[Line]:
    """A line for each meter and model; they add up to what the ledger moved. Raises LinesDiffer.

    The session must see one state of the database: see `snapshot`.
    """
    first, end = bounds(month)
    spent = await _spent_account(session, organization_id)
    elsewhere = partial(_charged_elsewhere, session, organization_id, spent, first, end)
    sums: dict[tuple[str, str], _Sum] = {}
    for sign, found in (
        (1, await metered(session, organization_id, first, end)),
        (1, await elsewhere(is_later=False)),
        (-1, await elsewhere(is_later=True)),
    ):
        for used in found:
            sums.setdefault((used.meter, used.model or ""), _Sum()).add(used, sign)
    known = {meter.name: meter for meter in meters}
    lines = [
        _line(meter, model, used, known.get(meter))
        for (meter, model), used in sorted(sums.items())
        if used.quantity or used.cost
    ]
    total, charged = sum(line.amount for line in lines), await moved(session, organization_id, month)
    if total != charged:
        raise LinesDiffer(
            f"What was used in {month} cost {total} nano-dollars, and the ledger charged {charged}: "
            "no invoice is issued. An operator finds the difference with `skyhook billing reconcile`."
        )
    return lines


def _line(meter: str, model: str, used: _Sum, known: Meter | None) -> Line:
    return Line(
        title=known.title if known else meter,
        amount=used.cost,
        detail=model,
        quantity=used.quantity,
        unit=known.unit if known else "unit",
        unit_price=None if used.is_mixed else used.price,
        meter=meter,
    )


async def _spent_account(session: AsyncSession, organization_id: UUID) -> UUID | None:
    return await session.scalar(
        select(LedgerAccount.id).where(
            LedgerAccount.organization_id == organization_id,
            LedgerAccount.kind == "credit_spent",
            LedgerAccount.asset == CREDIT_ASSET,
        )
    )


async def _charged_elsewhere(
    session: AsyncSession,
    organization_id: UUID,
    spent: UUID | None,
    first: datetime,
    end: datetime,
    *,
    is_later: bool,
) -> list[Metered]:
    """Calls that began before the month and were charged in it; or began in it and were charged later."""
    if is_later:
        ids: list[Any] = [EVENTS.c.id >= first_id(end - WRITTEN_WITHIN)]
        began = [*ids, EVENTS.c.started_at >= first, EVENTS.c.started_at < end]
        charged = [LedgerEntry.created_at >= end]
    else:
        ids = [EVENTS.c.id >= first_id(first - WRITTEN_WITHIN), EVENTS.c.id < first_id(end)]
        began = [*ids, EVENTS.c.started_at < first]
        charged = [LedgerEntry.created_at >= first, LedgerEntry.created_at < end]
    paid = select(LedgerEntry.id).where(
        LedgerEntry.transfer_id == EVENTS.c.transfer_id, LedgerEntry.credit_account_id == spent, *charged
    )
    rows = await session.execute(
        select(EVENTS.c.model, EVENTS.c.quantities).where(
            EVENTS.c.organization_id == organization_id, *began, paid.exists()
        )
    )
    return [
        Metered(meter, model, quantity, cost, cost // quantity if quantity and not cost % quantity else None)
        for model, quantities in rows
        for meter, (quantity, cost) in quantities.items()
    ]
