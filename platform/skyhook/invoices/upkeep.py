"""Documents that are due, issued in the background: each round is safe beside those of other processes."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.funds import month_of
from skyhook.clock import time_of
from skyhook.database import Database
from skyhook.invoices import issuing
from skyhook.invoices.content import Party
from skyhook.invoices.errors import LinesDiffer
from skyhook.invoices.models import BillingDocument, InvoicedUntil
from skyhook.invoices.months import after, between, first_open
from skyhook.invoices.usage import lines_of, organizations_charged, snapshot
from skyhook.ledger.models import LedgerEntry
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.models import Payment, PaymentState, Reversal
from skyhook.plugins.host import PluginHost
from skyhook.rounds import Rounds

POLL_S = 5.0
MONTHS_EVERY = timedelta(minutes=5)
AT_ONCE = 100

_log = logging.getLogger(__name__)


class Upkeep(Rounds):
    """The rounds of this process."""

    def __init__(
        self, database: Database, plugins: PluginHost, seller: Party, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(POLL_S, _log, "documents cannot be issued now")
        self._database = database
        self._plugins = plugins
        self._seller = seller
        self._clock = clock
        self._months_at = clock()

    async def round(self) -> list[BillingDocument]:
        """Issues what is due of payments, and every few minutes of months; what that was."""
        issued = await self._of_payments()
        if self._clock() >= self._months_at:
            issued += await self.months()
            self._months_at = self._clock() + MONTHS_EVERY
        return issued

    async def months(self) -> list[BillingDocument]:
        """Issues the invoices of all months that are over."""
        end = first_open(self._clock())
        async with self._database.read() as session:
            until = await session.scalar(select(InvoicedUntil.month))
            first = until or await _first_month(session)
        issued = []
        for month in between(first or end, end):
            found, is_whole = await self.month(month)
            issued += found
            if not is_whole:
                break
            await self._reached(after(month))
        return issued

    async def month(self, month: str) -> tuple[list[BillingDocument], bool]:
        """Issues the invoices of a month that is over, and whether there is one of each organization now."""
        async with self._database.read() as session:
            organizations = await organizations_charged(session, month)
        issued, is_whole = [], True
        for organization_id in organizations:
            try:
                document = await self.invoice(organization_id, month)
            except LinesDiffer as error:
                is_whole = False
                _log.error("organization %s: %s", organization_id, error)
            else:
                issued += [document] if document else []
        return issued, is_whole

    async def invoice(self, organization_id: UUID, month: str) -> BillingDocument | None:
        """Issues one invoice of a month that is over; None where it is issued. Raises LinesDiffer."""
        async with snapshot(self._database) as session:
            lines = await lines_of(session, organization_id, month, self._plugins.meters)
        async with self._database.write() as session:
            return await issuing.issue_invoice(
                session, organization_id, month, lines, self._seller, self._clock()
            )

    async def _of_payments(self) -> list[BillingDocument]:
        payments = select(Payment.id).where(Payment.state == PaymentState.PAID, ~Payment.is_receipted)
        reversals = select(Reversal.stripe_id).where(
            or_(Reversal.is_taken & ~Reversal.is_credited, Reversal.is_returned & ~Reversal.is_debited)
        )
        async with self._database.read() as session:
            paid = (await session.scalars(payments.order_by(Payment.id).limit(AT_ONCE))).all()
            back = (await session.scalars(reversals.order_by(Reversal.created_at).limit(AT_ONCE))).all()
        issued = await self._each(paid, issuing.issue_receipt)
        issued += await self._each(back, issuing.issue_credit_note)
        return issued + await self._each(back, issuing.issue_debit_note)

    async def _each(
        self, ids: Sequence[Any], issue: Callable[[AsyncSession, Any, Party, datetime], Awaitable[Any]]
    ) -> list[BillingDocument]:
        """Issues a document for each, in a unit of work of its own; one that fails holds up no other."""
        issued = []
        for one in ids:
            try:
                async with self._database.write() as session:
                    document = await issue(session, one, self._seller, self._clock())
            except Exception:
                _log.exception("no document can be issued for %s now; it is tried again", one)
            else:
                issued += [document] if document else []
        return issued

    async def _reached(self, month: str) -> None:
        async with self._database.write() as session:
            values = {"id": 1, "month": month}
            await session.execute(insert_if_absent(session, InvoicedUntil).values(values))
            await session.execute(
                update(InvoicedUntil).where(InvoicedUntil.month < month).values(month=month)
            )

    async def look(self) -> float:
        """A round."""
        await self.round()
        return POLL_S


async def _first_month(session: AsyncSession) -> str | None:
    """The month of the ledger's first entry."""
    first = await session.scalar(select(LedgerEntry.id).order_by(LedgerEntry.id).limit(1))
    return None if first is None else month_of(time_of(first))
