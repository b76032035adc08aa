"""Numbers without gaps where several processes issue, and months that add up whatever was used in them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from tests.invoices.conftest import METERS, Clock, Meters, call, configuration

from skyhook.accounts.models import Organization
from skyhook.billing import Billing
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.invoices import Invoices
from skyhook.invoices.content import Content
from skyhook.invoices.models import BillingDocument
from skyhook.ledger.models import LedgerAccount
from skyhook.operations.caller import Caller
from skyhook.payments.models import Payment, PaymentKind, PaymentState

CALLS = st.lists(
    st.tuples(
        st.integers(0, 40 * 24 * 60),
        st.integers(0, 3 * 24 * 60),
        st.integers(0, 5_000),
        st.integers(0, 3),
        st.sampled_from(["small", "large"]),
    ),
    min_size=1,
    max_size=12,
)
"""Minutes since the one before, minutes that it took, tokens, images, model."""


async def test_processes_that_issue_at_once_leave_no_gap_and_issue_nothing_twice(
    postgresql_url: Callable[[], str], tmp_path: Path
) -> None:
    url, settings = postgresql_url(), configuration(tmp_path)
    databases = [Database(url) for _ in range(4)]
    organization = new_id()
    async with databases[0].write() as session:
        session.add(Organization(id=organization, name="A", slug="a"))
        await session.flush()
        for _ in range(60):
            payment_id = new_id()
            session.add(
                Payment(
                    id=payment_id, organization_id=organization, kind=PaymentKind.CHECKOUT, amount=500,
                    state=PaymentState.PAID, intent=f"pi_{payment_id.hex}", ended_at=datetime.now(UTC),
                )
            )  # fmt: skip
    processes = [Invoices(database, settings, Meters()) for database in databases]
    issued = await asyncio.gather(*(one.upkeep.round() for one in processes for _ in range(2)))
    assert sum(len(one) for one in issued) == 60
    async with databases[0].read() as session:
        rows = list(await session.scalars(select(BillingDocument).order_by(BillingDocument.serial)))
    assert [row.serial for row in rows] == list(range(1, 61))
    assert len({row.payment_id for row in rows}) == 60
    for database in databases:
        await database.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_was_used_the_invoices_add_up_to_the_ledger(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, clock: Clock
) -> None:
    url: str = request.getfixturevalue(f"{kind}_url")()
    with asyncio.Runner() as runner:
        database = Database(url)

        @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
        @given(calls=CALLS)
        def check(calls: list[Any]) -> None:
            runner.run(used_and_invoiced(database, tmp_path, clock, calls))

        check()
        runner.run(database.close())


async def used_and_invoiced(
    database: Database, tmp_path: Path, clock: Clock, calls: list[tuple[int, int, int, int, str]]
) -> None:
    """Makes the calls over months, issues what is over, and adds everything up."""
    organization = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization, name="A", slug=organization.hex))
    billing = Billing(database, clock=clock)
    await billing.seed_prices(METERS, ())
    await billing.grant(organization, 10**12, reason="start", key="start")
    costs: dict[str, int] = {}
    for wait, took, tokens, images, model in calls:
        clock.turn(minutes=wait)
        cost = await call(
            billing, organization, clock, tokens, images=images, model=model, took=timedelta(minutes=took)
        )
        if cost:
            month = f"{clock():%Y-%m}"
            costs[month] = costs.get(month, 0) + cost
        await billing.maintain()
    invoices = Invoices(database, configuration(tmp_path), Meters(), clock=clock)
    await invoices.upkeep.months()
    preview = await invoices.preview(Caller(organization, None, None, frozenset({"*"})))
    async with database.read() as session:
        spent = await session.scalar(
            select(LedgerAccount.balance).where(
                LedgerAccount.organization_id == organization, LedgerAccount.kind == "credit_spent"
            )
        )
        rows = list(
            await session.scalars(
                select(BillingDocument).where(BillingDocument.organization_id == organization)
            )
        )
        numbers = (await session.execute(select(BillingDocument.year, BillingDocument.serial))).all()
    found = {row.month: row.total for row in rows} | ({preview.month: preview.total} if preview.total else {})
    assert found == costs
    assert sum(found.values()) == (spent or 0)
    for row in rows:
        assert sum(line.amount for line in Content.of(row.content).lines) == row.total
    for year in {year for year, _ in numbers}:
        serials = sorted(serial for one, serial in numbers if one == year)
        assert serials == list(range(1, len(serials) + 1))
    await billing.close()
