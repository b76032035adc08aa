"""Looks at what was spent and what is left, and tells whoever looks after the money, once.

What was spent is read from the roll-ups of usage, what is left from the ledger: a call does nothing for it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.accounts.service import emails_for_billing
from skyhook.alerts.models import LOW, AlertKind, SpendingAlert
from skyhook.billing.errors import dollars
from skyhook.billing.funds import CREDIT_ASSET, month_of, month_start
from skyhook.database import Database
from skyhook.graphql.ids import node_id
from skyhook.ledger.models import LedgerAccount
from skyhook.mail.message import Letter
from skyhook.mail.post import Post
from skyhook.rounds import Rounds
from skyhook.usage.models import CALL
from skyhook.usage.queries import sums
from skyhook.webhooks.events import BILLING_ALERT
from skyhook.webhooks.service import Webhooks

EVERY_S = 30.0
NANO_PER_CENT = 10_000_000

_log = logging.getLogger(__name__)


class _Due(NamedTuple):
    """An alert whose threshold was reached."""

    alert: SpendingAlert
    fires_for: str
    amount: int
    """Nano-dollars that were spent in the month, or are left."""


class Watch(Rounds):
    """The rounds of this process; of several processes one fires each alert."""

    def __init__(
        self,
        database: Database,
        post: Post,
        webhooks: Webhooks,
        address: str,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(EVERY_S, _log, "spending cannot be looked at now")
        self._database = database
        self._post = post
        self._webhooks = webhooks
        self._address = address
        self._clock = clock

    async def round(self) -> None:
        """Fires what is due, and lets alerts of low credit fire again whose credit was topped up."""
        month = month_of(self._clock())
        async with self._database.read() as session:
            alerts = await session.scalars(
                select(SpendingAlert).where(
                    or_(
                        SpendingAlert.kind == AlertKind.CREDIT,
                        SpendingAlert.fired_for.is_distinct_from(month),
                    )
                )
            )
            by_kind: dict[str, list[SpendingAlert]] = {}
            for alert in alerts:
                by_kind.setdefault(alert.kind, []).append(alert)
            due = await self._spent(session, by_kind.get(AlertKind.SPENDING, []), month)
            low, high = await _credits(session, by_kind.get(AlertKind.CREDIT, []))
        if high:
            async with self._database.write() as session:
                rows = update(SpendingAlert).where(SpendingAlert.id.in_(high))
                await session.execute(rows.values(fired_for=None))
        for one in (*due, *low):
            await self._fire(one)

    async def _spent(self, session: AsyncSession, alerts: Sequence[SpendingAlert], month: str) -> list[_Due]:
        organizations = {alert.organization_id for alert in alerts}
        if not organizations:
            return []
        used = await sums(session, organizations, month_start(self._clock()), (CALL,))
        due = []
        for alert in alerts:
            _, spent = used.get(alert.organization_id, {}).get(CALL, (0, 0))
            if spent >= alert.threshold * NANO_PER_CENT:
                due.append(_Due(alert, month, spent))
        return due

    async def _fire(self, due: _Due) -> None:
        alert, at = due.alert, self._clock()
        async with self._database.write() as session:
            first = await session.scalar(
                update(SpendingAlert)
                .where(SpendingAlert.id == alert.id, SpendingAlert.fired_for.is_distinct_from(due.fires_for))
                .values(fired_for=due.fires_for, fired_at=at)
                .returning(SpendingAlert.id)
            )
            if first is None:
                return  # another process told, or the alert is gone
            event = {
                "id": node_id("SpendingAlert", alert.id),
                "kind": alert.kind.upper(),
                "thresholdCents": alert.threshold,
                "amount": str(due.amount),
                "month": month_of(at),
            }
            key = f"alert:{alert.id}:{at.isoformat()}"
            await self._webhooks.publish(session, alert.organization_id, BILLING_ALERT, event, key=key)
            self._post.add(session, await self._letters(session, due))
        self._webhooks.wake()
        self._post.wake()

    async def _letters(self, session: AsyncSession, due: _Due) -> list[Letter]:
        """To those who look after the money."""
        alert = due.alert
        organization = await session.get_one(Organization, alert.organization_id)
        emails = await emails_for_billing(session, organization.id)
        threshold, amount = dollars(alert.threshold * NANO_PER_CENT), dollars(due.amount)
        if alert.kind == AlertKind.SPENDING:
            subject = f"{organization.name} has spent {threshold} this month"
            what = f"{organization.name} has spent {amount} since {month_start(self._clock()):%-d %B}."
            asked = f"You asked to be told at {threshold}."
            then = "Calls go on while there is credit. This alert comes again next month."
        else:
            subject = f"{organization.name} has less than {threshold} of credit"
            what = f"{organization.name} has {amount} of credit left."
            asked = f"You asked to be told below {threshold}."
            then = "Calls are refused once the credit is used up. This alert comes again once there was more."
        page = f"{self._address}/console/o/{organization.slug}/billing"
        return [Letter(email, subject, [f"{what} {asked}", then], "Open billing", page) for email in emails]

    async def look(self) -> float:
        """A round."""
        await self.round()
        return EVERY_S


async def _credits(session: AsyncSession, alerts: Sequence[SpendingAlert]) -> tuple[list[_Due], list[UUID]]:
    """Whose credit is low without having been told so, and the alerts whose credit is not low any more."""
    organizations = {alert.organization_id for alert in alerts}
    rows = await session.execute(
        select(LedgerAccount.organization_id, LedgerAccount.balance).where(
            LedgerAccount.organization_id.in_(organizations),
            LedgerAccount.kind == "credit",
            LedgerAccount.asset == CREDIT_ASSET,
        )
    )
    balances = {row.organization_id: row.balance for row in rows}
    low, high = [], []
    for alert in alerts:
        balance = balances.get(alert.organization_id, 0)
        is_low = balance < alert.threshold * NANO_PER_CENT
        if is_low and alert.fired_for is None:
            low.append(_Due(alert, LOW, balance))
        elif not is_low and alert.fired_for is not None:
            high.append(alert.id)
    return low, high
