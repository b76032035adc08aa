"""Spending alerts: what the console and GraphQL see of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from skyhook import clock as clocks
from skyhook.accounts import audit
from skyhook.accounts.models import Organization
from skyhook.alerts.errors import SpendingAlertExists, SpendingAlertsTooMany
from skyhook.alerts.models import AlertKind, SpendingAlert
from skyhook.alerts.watch import Watch
from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.mail.post import Post
from skyhook.operations.caller import Caller
from skyhook.scopes import BILLING_READ, BILLING_WRITE
from skyhook.webhooks.service import Webhooks

MOST = 20
"""Alerts of one organization."""
LARGEST = 1_000_000_000
"""US cents of a threshold."""


class Alerts:
    """One for each server process. Thresholds are US cents."""

    def __init__(
        self,
        database: Database,
        configuration: Configuration,
        post: Post,
        webhooks: Webhooks,
        *,
        clock: Callable[[], datetime] = clocks.now,
    ) -> None:
        self._database = database
        self._clock = clock
        self.watch = Watch(database, post, webhooks, configuration.address, clock)

    async def start(self) -> None:
        """Watches from here on."""
        await self.watch.start()

    async def close(self) -> None:
        """Watches no more."""
        await self.watch.close()

    async def all(self, caller: Caller) -> Sequence[SpendingAlert]:
        """The organization's alerts, by kind and threshold. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        query = select(SpendingAlert).where(SpendingAlert.organization_id == caller.organization_id)
        async with self._database.read() as session:
            order = (SpendingAlert.kind.desc(), SpendingAlert.threshold)
            return (await session.scalars(query.order_by(*order))).all()

    async def create(self, caller: Caller, kind: AlertKind, cents: int) -> SpendingAlert:
        """Tells the organization's owners and billing members from now on; where it is so already, at once.

        Raises ScopeMissing, InvalidInput, SpendingAlertExists, SpendingAlertsTooMany.
        """
        caller.require(BILLING_WRITE)
        if not 0 < cents <= LARGEST:
            raise InvalidInput(f"A threshold is above $0 and at most ${LARGEST // 100:,}.", field="threshold")
        alert = SpendingAlert(id=new_id(), organization_id=caller.organization_id, kind=kind, threshold=cents)
        own = select(func.count()).where(SpendingAlert.organization_id == caller.organization_id)
        try:
            async with self._database.write() as session:
                # Locked, so that two at once do not both see the last free place.
                await session.get_one(Organization, caller.organization_id, with_for_update=True)
                if (await session.scalar(own) or 0) >= MOST:
                    raise SpendingAlertsTooMany(f"There are {MOST} alerts already. Delete one first.")
                session.add(alert)
                await session.flush()
                audit.record(session, caller, "spending_alert.created", alert.id, kind=kind, cents=cents)
        except IntegrityError as error:
            raise SpendingAlertExists(
                "There is such an alert already. Choose another threshold.", field="threshold"
            ) from error
        self.watch.wake()
        return alert

    async def delete(self, caller: Caller, alert_id: UUID) -> None:
        """Tells nobody any more. Raises ScopeMissing, NotFound."""
        caller.require(BILLING_WRITE)
        async with self._database.write() as session:
            alert = await session.get(SpendingAlert, alert_id, with_for_update=True)
            if alert is None or alert.organization_id != caller.organization_id:
                raise NotFound("There is no such spending alert.")
            await session.delete(alert)
            audit.record(
                session, caller, "spending_alert.deleted", alert.id, kind=alert.kind, cents=alert.threshold
            )
