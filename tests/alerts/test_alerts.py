"""An alert tells once: for each month, or until credit was above its threshold again."""

from __future__ import annotations

import asyncio
import json

import pytest
from sqlalchemy import func, select
from tests.alerts.conftest import Spender

from skyhook.accounts.models import Organization
from skyhook.alerts.errors import SpendingAlertExists, SpendingAlertsTooMany
from skyhook.alerts.models import AlertKind
from skyhook.clock import new_id
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller, ScopeMissing
from skyhook.webhooks.models import WebhookEvent

TOLD = ("billing@example.com", "owner@example.com")


async def test_spending_is_told_once_a_month_to_owners_and_billing_members(spender: Spender) -> None:
    await spender.grant(100)
    await spender.alerts.create(spender.caller, AlertKind.SPENDING, 10_00)
    await spender.spend(9)
    await spender.alerts.watch.round()
    assert await spender.letters() == []
    await spender.spend(1)
    for _ in range(3):
        await spender.alerts.watch.round()
    once = [(email, "Acme has spent $10.00 this month") for email in TOLD]
    assert await spender.letters() == once
    spender.clock.turn(days=31)
    await spender.spend(9)
    await spender.alerts.watch.round()
    assert await spender.letters() == once
    await spender.spend(2)
    await spender.alerts.watch.round()
    assert await spender.letters() == sorted(once * 2)


async def test_low_credit_is_told_once_until_there_was_more_again(spender: Spender) -> None:
    await spender.grant(20)
    await spender.alerts.create(spender.caller, AlertKind.CREDIT, 10_00)
    await spender.alerts.watch.round()
    assert await spender.letters() == []
    await spender.spend(11)
    for _ in range(2):
        await spender.alerts.watch.round()
    once = [(email, "Acme has less than $10.00 of credit") for email in TOLD]
    assert await spender.letters() == once
    await spender.grant(1)  # $10.00 is not below $10.00
    await spender.alerts.watch.round()
    await spender.spend(1)
    await spender.alerts.watch.round()
    assert await spender.letters() == sorted(once * 2)


async def test_of_several_server_processes_one_tells(spender: Spender) -> None:
    await spender.grant(100)
    await spender.alerts.create(spender.caller, AlertKind.SPENDING, 1_00)
    await spender.webhooks.endpoints.create(spender.caller, "http://127.0.0.1:9/hook")
    await spender.spend(2)
    processes = [spender.process() for _ in range(8)]
    await asyncio.gather(*(process.watch.round() for process in processes))
    assert [email for email, _ in await spender.letters()] == list(TOLD)
    async with spender.database.read() as session:
        assert await session.scalar(select(func.count()).select_from(WebhookEvent)) == 1


async def test_a_webhook_says_what_was_reached(spender: Spender) -> None:
    await spender.grant(100)
    await spender.alerts.create(spender.caller, AlertKind.SPENDING, 1_50)
    await spender.webhooks.endpoints.create(spender.caller, "http://127.0.0.1:9/hook")
    await spender.spend(2)
    await spender.alerts.watch.round()
    async with spender.database.read() as session:
        event = (await session.scalars(select(WebhookEvent))).one()
    body = json.loads(event.body)
    assert body["type"] == "billing.alert"
    assert body["data"].pop("id")
    assert body["data"] == {
        "kind": "SPENDING",
        "thresholdCents": 150,
        "amount": "2000000000",
        "month": "2026-03",
    }


async def test_each_threshold_is_told_by_itself(spender: Spender) -> None:
    await spender.grant(100)
    for cents in (1_00, 2_00, 3_00):
        await spender.alerts.create(spender.caller, AlertKind.SPENDING, cents)
    await spender.spend(2)
    await spender.alerts.watch.round()
    fired = [alert.threshold for alert in await spender.alerts.all(spender.caller) if alert.fired_at]
    assert fired == [1_00, 2_00]


@pytest.mark.parametrize("cents", [0, -1, 1_000_000_001])
async def test_a_threshold_that_cannot_be_is_refused(spender: Spender, cents: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        await spender.alerts.create(spender.caller, AlertKind.SPENDING, cents)
    assert refused.value.field == "threshold"


async def test_an_alert_is_there_once_and_there_are_twenty_at_most(spender: Spender) -> None:
    await spender.alerts.create(spender.caller, AlertKind.SPENDING, 1)
    with pytest.raises(SpendingAlertExists):
        await spender.alerts.create(spender.caller, AlertKind.SPENDING, 1)
    for cents in range(2, 21):
        await spender.alerts.create(spender.caller, AlertKind.SPENDING, cents)
    with pytest.raises(SpendingAlertsTooMany):
        await spender.alerts.create(spender.caller, AlertKind.CREDIT, 1)


async def test_another_organization_sees_and_deletes_nothing(spender: Spender) -> None:
    alert = await spender.alerts.create(spender.caller, AlertKind.SPENDING, 1)
    stranger = Caller(new_id(), None, None, frozenset({"*"}))
    async with spender.database.write() as session:
        session.add(Organization(id=stranger.organization_id, name="B", slug="b"))
    assert list(await spender.alerts.all(stranger)) == []
    with pytest.raises(NotFound):
        await spender.alerts.delete(stranger, alert.id)
    await spender.alerts.delete(spender.caller, alert.id)
    assert list(await spender.alerts.all(spender.caller)) == []


async def test_reading_does_not_allow_to_change(spender: Spender) -> None:
    reader = Caller(spender.organization, None, None, frozenset({"billing:read"}))
    with pytest.raises(ScopeMissing):
        await spender.alerts.create(reader, AlertKind.SPENDING, 1)
