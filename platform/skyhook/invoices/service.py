"""Billing documents: what the console, GraphQL and commands see of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from skyhook import clock as clocks
from skyhook.accounts import audit
from skyhook.accounts.models import Organization
from skyhook.billing.funds import month_of
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.invoices.content import Content, customer_of, seller_of
from skyhook.invoices.details import GivenDetails
from skyhook.invoices.errors import MonthNotOver
from skyhook.invoices.models import BillingDetails, BillingDocument
from skyhook.invoices.months import first_open, read_month
from skyhook.invoices.sheet import Sheet, sheet_of, sheet_of_preview
from skyhook.invoices.upkeep import Upkeep
from skyhook.invoices.usage import lines_of, snapshot
from skyhook.ledger.service import insert_if_absent
from skyhook.operations.caller import Caller
from skyhook.plugins.host import PluginHost
from skyhook.scopes import BILLING_READ, BILLING_WRITE


@dataclass(frozen=True, slots=True)
class Preview:
    """What the invoice of the current month would be now."""

    month: str
    content: Content
    at: datetime

    @property
    def total(self) -> int:
        """Nano-dollars, all paid from credit."""
        return sum(line.amount for line in self.content.lines)


class Invoices:
    """One for each server process. Amounts are nano-dollars."""

    def __init__(
        self,
        database: Database,
        configuration: Configuration,
        plugins: PluginHost,
        *,
        clock: Callable[[], datetime] = clocks.now,
    ) -> None:
        self._database = database
        self._plugins = plugins
        self._clock = clock
        self._seller = seller_of(configuration)
        self.upkeep = Upkeep(database, plugins, self._seller, clock)

    async def start(self) -> None:
        """Issues what is due from here on."""
        await self.upkeep.start()

    async def close(self) -> None:
        """Stops; what is due is issued by the next process."""
        await self.upkeep.close()

    async def documents(
        self, caller: Caller, limit: int, before: UUID | None = None
    ) -> Sequence[BillingDocument]:
        """The organization's documents, newest first. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        query = select(BillingDocument).where(BillingDocument.organization_id == caller.organization_id)
        if before is not None:
            query = query.where(BillingDocument.id < before)
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(BillingDocument.id.desc()).limit(limit))).all()

    async def document(self, caller: Caller, document_id: UUID) -> BillingDocument:
        """A document of the organization's. Raises ScopeMissing, NotFound."""
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            found = await session.get(BillingDocument, document_id)
        if found is None or found.organization_id != caller.organization_id:
            raise NotFound("There is no such document.")
        return found

    async def preview(self, caller: Caller) -> Preview:
        """The current month's invoice as it would be now. Raises ScopeMissing, LinesDiffer."""
        caller.require(BILLING_READ)
        at = self._clock()
        month = month_of(at)
        async with snapshot(self._database) as session:
            lines = await lines_of(session, caller.organization_id, month, self._plugins.meters)
            organization = await session.get_one(Organization, caller.organization_id)
            details = await session.get(BillingDetails, caller.organization_id)
        return Preview(month, Content(self._seller, customer_of(organization, details), tuple(lines)), at)

    async def sheet(self, caller: Caller, document_id: UUID) -> Sheet:
        """A document as it is shown and printed. Raises ScopeMissing, NotFound."""
        return sheet_of(await self.document(caller, document_id))

    async def preview_sheet(self, caller: Caller) -> Sheet:
        """The current month's preview as it is shown. Raises as `preview` does."""
        preview = await self.preview(caller)
        return sheet_of_preview(preview.content, preview.month, preview.total, preview.at)

    async def details(self, caller: Caller) -> BillingDetails | None:
        """Who the organization is on its documents; None where it has not said. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            return await session.get(BillingDetails, caller.organization_id)

    async def set_details(self, caller: Caller, given: GivenDetails) -> BillingDetails:
        """Says who the organization is on documents from now on. Raises ScopeMissing, InvalidInput."""
        caller.require(BILLING_WRITE)
        values = given.checked()
        async with self._database.write() as session:
            new = {"organization_id": caller.organization_id, "updated_at": self._clock(), **values}
            await session.execute(insert_if_absent(session, BillingDetails).values(new))
            details = await session.get_one(BillingDetails, caller.organization_id, with_for_update=True)
            for name, value in values.items():
                setattr(details, name, value)
            audit.record(session, caller, "billing_details.set", None, country=values["country"])
        return details

    async def issue_month(self, month: str) -> list[BillingDocument]:
        """Issues what is missing of a month's invoices; for operators. Raises InvalidInput, MonthNotOver."""
        if read_month(month) >= first_open(self._clock()):
            raise MonthNotOver(
                f"Calls of {month} may still be charged: "
                "its invoices are issued an hour after it is over (UTC)."
            )
        issued, _ = await self.upkeep.month(month)
        return issued
