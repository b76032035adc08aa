"""Usage reported to Stripe's Billing meters: each hour of each meter once, however often a process dies.

A report is written before it is sent, under an id that Stripe counts once within a day. Any process sends
what is not known to have arrived: what Stripe has already is not counted again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import SkyhookError
from skyhook.ledger.service import insert_if_absent
from skyhook.payments.gateway import Gateway
from skyhook.payments.models import StripeCustomer, StripeMetering, UsageReport
from skyhook.plugins.manifest import Meter
from skyhook.rounds import Rounds
from skyhook.usage.models import CALL
from skyhook.usage.recording import HOURS

EVERY_S = 60.0
CLOSED_AFTER = timedelta(minutes=10)
"""After its end an hour is reported; what is settled later is a further part of it."""
LOOKED_BACK = timedelta(days=3)
"""For how long such parts are looked for: no job runs longer."""
TAKEN_FOR = timedelta(days=34)
"""Stripe takes no usage that is 35 days old."""
AT_ONCE = 500
"""Reports in one round."""

_log = logging.getLogger(__name__)


class UsageReports(Rounds):
    """The rounds of this process; each is safe beside those of others."""

    def __init__(self, database: Database, gateway: Gateway, clock: Callable[[], datetime]) -> None:
        super().__init__(EVERY_S, _log, "usage cannot be reported now")
        self._database = database
        self._gateway = gateway
        self._clock = clock

    async def round(self) -> None:
        """Writes down what is to be reported, and sends what is not known to have arrived."""
        await self.plan()
        await self.send()

    async def plan(self) -> None:
        """Writes a report for all that was used in hours that are over and is in none yet."""
        until = _hour(self._clock() - CLOSED_AFTER)
        async with self._database.write() as session:
            since = await self._since(session)
            rows = [row for row in await _unreported(session, since, until) if row["quantity"] > 0]
            if rows:
                await session.execute(insert_if_absent(session, UsageReport), rows)

    async def send(self) -> None:
        """Sends what is not known to have arrived; what Stripe refuses or misses is tried again later."""
        query = (
            select(UsageReport)
            .where(UsageReport.sent_at.is_(None), UsageReport.hour > self._clock() - TAKEN_FOR)
            .order_by(UsageReport.hour, UsageReport.id)
            .limit(AT_ONCE)
        )
        async with self._database.read() as session:
            reports = (await session.scalars(query)).all()
        refused: set[str] = set()
        for report in reports:
            if report.meter in refused:
                continue
            try:
                customer = await self._customer(report.organization_id)
                await self._gateway.report_usage(
                    event_name(report.meter), customer, report.quantity, report.hour, key=str(report.id)
                )
            except SkyhookError:  # logged where it failed
                refused.add(report.meter)
                continue
            sent = update(UsageReport).where(UsageReport.id == report.id)
            async with self._database.write() as session:
                await session.execute(sent.values(sent_at=self._clock()))

    async def _since(self, session: AsyncSession) -> datetime:
        """From which hour on usage may be unreported. The first time, this hour is noted as the beginning."""
        first = {"id": 1, "since": _hour(self._clock())}
        await session.execute(insert_if_absent(session, StripeMetering).values(first))
        began = (await session.get_one(StripeMetering, 1)).since
        last = await session.scalar(select(func.max(UsageReport.hour))) or began
        return max(began, min(last, self._clock() - LOOKED_BACK))

    async def _customer(self, organization_id: UUID) -> str:
        """The organization's customer at Stripe, made where there is none."""
        async with self._database.read() as session:
            known = await session.get(StripeCustomer, organization_id)
            if known is not None:
                return known.stripe_id
            organization = await session.get_one(Organization, organization_id)
        made = await self._gateway.create_customer(organization.id, organization.name, None)
        values = {"organization_id": organization_id, "stripe_id": made, "created_at": self._clock()}
        async with self._database.write() as session:
            await session.execute(insert_if_absent(session, StripeCustomer).values(values))
            return (await session.get_one(StripeCustomer, organization_id)).stripe_id

    async def look(self) -> float:
        """A round."""
        await self.round()
        return EVERY_S


def event_name(meter: str) -> str:
    """How a meter's events are called at Stripe."""
    return f"skyhook_{meter.replace('.', '_')}"


def missing(gateway: Gateway, meters: Iterable[Meter]) -> list[Meter]:
    """The meters that Stripe has not, or not active; asks Stripe."""
    listed = gateway.client.v1.billing.meters.list({"status": "active", "limit": 100})
    active = {one.event_name for one in listed.auto_paging_iter()}
    return [meter for meter in meters if event_name(meter.name) not in active]


def create(gateway: Gateway, meters: Iterable[Meter]) -> None:
    """Makes meters at Stripe that sum up what is reported, once each."""
    for meter in meters:
        params: Any = {
            "display_name": f"{meter.title} ({meter.name})",
            "event_name": event_name(meter.name),
            "default_aggregation": {"formula": "sum"},
            "customer_mapping": {"type": "by_id", "event_payload_key": "stripe_customer_id"},
            "value_settings": {"event_payload_key": "value"},
        }
        gateway.client.v1.billing.meters.create(params, {"idempotency_key": f"meter-{meter.name}"})


async def unsent(database: Database, clock: Callable[[], datetime]) -> tuple[int, int]:
    """How many reports wait to be sent, and how many of these Stripe takes no more."""
    waiting = UsageReport.sent_at.is_(None)
    is_late = UsageReport.hour <= clock() - TAKEN_FOR
    async with database.read() as session:
        every = await session.scalar(select(func.count()).where(waiting)) or 0
        late = await session.scalar(select(func.count()).where(waiting, is_late)) or 0
    return every, late


async def _unreported(session: AsyncSession, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """The next report of each organization, hour and meter: what was used less what was reported."""
    key = (HOURS.c.organization_id, HOURS.c.meter, HOURS.c.hour)
    used = await session.execute(
        select(*key, func.sum(HOURS.c.quantity))
        .where(HOURS.c.hour >= since, HOURS.c.hour < until, HOURS.c.meter != CALL)
        .group_by(*key)
    )
    columns = (UsageReport.organization_id, UsageReport.meter, UsageReport.hour)
    rows = await session.execute(
        select(*columns, func.sum(UsageReport.quantity), func.count())
        .where(UsageReport.hour >= since)
        .group_by(*columns)
    )
    reported = {(row[0], row[1], row[2]): (int(row[3]), int(row[4])) for row in rows}
    found = []
    for organization_id, meter, hour, quantity in used:
        before, part = reported.get((organization_id, meter, hour), (0, 0))
        found.append(
            {
                "id": new_id(),
                "organization_id": organization_id,
                "meter": meter,
                "hour": hour,
                "part": part,
                "quantity": int(quantity) - before,
                "sent_at": None,
            }
        )
    return found


def _hour(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
