"""Usage at Stripe's meters: each hour of each meter once, whatever dies in between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import datetime

import pytest
from sqlalchemy import func, select, update
from tests.billing.conftest import METERS, Clock, served
from tests.stripe.server import StandIn

from skyhook.billing import Billing, Payer
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.checkup import checkup_of_meters
from skyhook.payments.meters import UsageReports, create, event_name, missing
from skyhook.payments.models import StripeCustomer, UsageReport

TOKENS = event_name("chat.tokens")


class Metered:
    """An instance whose usage is reported, and what Stripe has been told."""

    def __init__(self, database: Database, payments: Payments, stand_in: StandIn, caller: Caller) -> None:
        self.database, self.payments, self.stand_in = database, payments, stand_in
        self.clock = Clock()
        self.billing = Billing(database, clock=self.clock)
        self.organization = caller.organization_id
        self.reports = self.process()

    def process(self) -> UsageReports:
        """The rounds of one more server process."""
        return UsageReports(self.database, self.payments.gateway, self.clock)

    async def use(self, tokens: int, *, at: datetime | None = None) -> None:
        payer = Payer(self.organization, None, None, None)
        hold = await self.billing.hold(payer, {"chat.tokens": tokens}, None)
        await self.billing.settle(served(payer, hold, tokens, at=at or self.clock()))

    def told(self) -> list[tuple[str, int]]:
        """By meter, the quantities that Stripe has counted, oldest first."""
        events = list(self.stand_in.store.all("billing.meter_event"))[::-1]
        return [(one["event_name"], int(one["payload"]["value"])) for one in events]

    async def hour_ends(self) -> None:
        self.clock.turn(hours=1)
        await self.reports.round()


@pytest.fixture
async def metered(
    database: Database, payments: Payments, stand_in: StandIn, caller: Caller
) -> AsyncIterator[Metered]:
    metered = Metered(database, payments, stand_in, caller)
    await metered.billing.seed_prices(METERS, ())
    await metered.billing.grant(metered.organization, 10**9, reason="test", key="1")
    create(payments.gateway, METERS)
    await metered.reports.round()
    yield metered
    await metered.billing.close()


async def test_an_hour_is_reported_once_it_is_over_with_its_customer_and_time(metered: Metered) -> None:
    began = metered.clock()
    await metered.use(5)
    await metered.use(7)
    await metered.reports.round()
    assert metered.told() == []
    await metered.hour_ends()
    await metered.hour_ends()
    assert metered.told() == [(TOKENS, 12)]
    (event,) = metered.stand_in.store.all("billing.meter_event")
    async with metered.database.read() as session:
        customer = await session.get_one(StripeCustomer, metered.organization)
    assert event["payload"]["stripe_customer_id"] == customer.stripe_id
    asked = metered.stand_in.requests[-1][2]
    assert int(asked["timestamp"]) == int(began.replace(minute=0).timestamp())


async def test_what_is_settled_after_its_hour_was_reported_is_a_further_part(metered: Metered) -> None:
    began = metered.clock()
    await metered.use(5)
    await metered.hour_ends()
    await metered.use(3, at=began)
    await metered.hour_ends()
    assert metered.told() == [(TOKENS, 5), (TOKENS, 3)]


async def test_what_was_used_before_it_was_switched_on_is_not_reported(metered: Metered) -> None:
    await metered.use(5, at=datetime.fromisoformat("2026-03-10T11:59:00+00:00"))
    await metered.hour_ends()
    assert metered.told() == []


async def test_a_process_that_dies_after_sending_makes_nothing_count_twice(metered: Metered) -> None:
    await metered.use(5)
    await metered.hour_ends()
    async with metered.database.write() as session:  # as if it had died before it wrote that down
        await session.execute(update(UsageReport).values(sent_at=None))
    await metered.process().round()
    assert metered.told() == [(TOKENS, 5)]
    async with metered.database.read() as session:
        unsent = select(func.count()).where(UsageReport.sent_at.is_(None))
        assert await session.scalar(unsent) == 0


async def test_a_process_that_dies_before_sending_is_gone_on_for_by_another(metered: Metered) -> None:
    await metered.use(5)
    metered.clock.turn(hours=1)
    await metered.reports.plan()
    await metered.process().round()
    assert metered.told() == [(TOKENS, 5)]


async def test_two_processes_report_together_what_one_would(metered: Metered) -> None:
    await metered.use(5)
    metered.clock.turn(hours=1)
    other = metered.process()
    await metered.reports.plan()
    await other.plan()
    await metered.reports.send()
    await other.send()
    assert metered.told() == [(TOKENS, 5)]


@pytest.mark.parametrize("when", ["before", "after", "lost"])
async def test_a_failure_of_stripes_is_made_up_for_later(metered: Metered, when: str) -> None:
    await metered.use(5)
    await metered.hour_ends()
    await metered.use(6)
    metered.stand_in.fail(500, 500, 500, when=when)  # type: ignore[arg-type]
    await metered.hour_ends()
    await metered.hour_ends()
    assert metered.told() == [(TOKENS, 5), (TOKENS, 6)]


async def test_after_days_without_a_server_every_hour_is_made_up_for(metered: Metered) -> None:
    await metered.use(5)
    await metered.hour_ends()
    await metered.use(6)
    metered.clock.turn(days=9)
    await metered.process().round()
    assert metered.told() == [(TOKENS, 5), (TOKENS, 6)]


async def test_the_check_says_which_meters_are_missing_and_makes_them(
    database: Database, payments: Payments, stand_in: StandIn
) -> None:
    async def check(*, creates: bool) -> list[tuple[bool, str]]:
        return await checkup_of_meters(database, payments.gateway, METERS, creates=creates)

    first, waiting = await check(creates=False)
    assert not first[0]
    assert "skyhook_chat_tokens, skyhook_chat_images" in first[1]
    assert "stripe-check --create" in first[1]
    assert waiting == (True, "0 reports of usage wait to be sent")
    assert all(is_right for is_right, _ in await check(creates=True))
    assert missing(payments.gateway, METERS) == []
    assert (await check(creates=False))[0] == (True, "Stripe has every meter of usage")


async def test_a_meter_that_stripe_has_not_does_not_hold_up_the_others(
    database: Database, payments: Payments, stand_in: StandIn, caller: Caller
) -> None:
    metered = Metered(database, payments, stand_in, caller)
    await metered.billing.seed_prices(METERS, ())
    await metered.billing.grant(metered.organization, 10**9, reason="test", key="1")
    create(payments.gateway, METERS[1:])
    await metered.reports.round()
    payer = Payer(metered.organization, None, None, None)
    quantities = {"chat.tokens": 5, "chat.images": 2}
    hold = await metered.billing.hold(payer, quantities, None)
    record = served(payer, hold, 5, at=metered.clock())
    await metered.billing.settle(replace(record, quantities=quantities))
    await metered.hour_ends()
    assert metered.told() == [(event_name("chat.images"), 2)]
    create(payments.gateway, METERS[:1])
    await metered.hour_ends()
    assert metered.told()[1:] == [(TOKENS, 5)]
    await metered.billing.close()


def test_the_setting_is_on_or_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for text, is_on in (("on", True), ("off", False), ("", False)):
        monkeypatch.setenv("SKYHOOK_STRIPE_METERS", text)
        assert Configuration.from_environment().stripe_meters is is_on
    monkeypatch.setenv("SKYHOOK_STRIPE_METERS", "yes")
    with pytest.raises(ValueError, match="SKYHOOK_STRIPE_METERS"):
        Configuration.from_environment()
