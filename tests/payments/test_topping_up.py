"""Credit that tops itself up from a saved card."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from tests.payments.conftest import apply_events, cents_of, letters, owner, post_of
from tests.stripe import cards
from tests.stripe.server import StandIn

from skyhook.clock import new_id, now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.models import PaymentKind, PaymentState

SETTING = (500, 2_000, 6_000)
"""Below $5, $20 are bought, and no more than $60 in a month."""


@pytest.fixture
async def saved(payments: Payments, stand_in: StandIn, caller: Caller) -> str:
    """The organization's customer at Stripe, who has paid once, with a card that is saved."""
    _, page = await payments.top_up(caller, 1_000)
    stand_in.pay(page.id, cards.VISA)
    await apply_events(payments, stand_in)
    return str(next(stand_in.store.all("customer"))["id"])


async def spend(database: Database, caller: Caller, cents: int) -> None:
    """Takes credit away, as calls would."""
    from skyhook.payments.funds import take_back

    async with database.write() as session:
        await take_back(session, caller.organization_id, cents, reference="spent", key=str(new_id()))


async def automatic(payments: Payments, caller: Caller) -> list[str]:
    """The states of the automatic payments, oldest first."""
    every = await payments.payments(caller, 100)
    return [one.state for one in every if one.kind == PaymentKind.AUTOMATIC][::-1]


async def test_the_saved_card_is_charged_once_credit_is_low(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, saved: str
) -> None:
    await payments.set_auto_top_up(caller, *SETTING)
    await payments.topping_up.round()
    assert await automatic(payments, caller) == []
    await spend(database, caller, 700)
    await payments.topping_up.round()
    await payments.topping_up.round()
    await apply_events(payments, stand_in, copies=2)
    assert await automatic(payments, caller) == [PaymentState.PAID]
    assert await cents_of(database, caller.organization_id) == 2_300


async def test_no_more_than_the_cap_is_bought_in_a_month(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, saved: str
) -> None:
    await payments.set_auto_top_up(caller, *SETTING)
    for _ in range(5):
        left = await cents_of(database, caller.organization_id)
        if left:
            await spend(database, caller, left)
        await payments.topping_up.round()
    assert await automatic(payments, caller) == [PaymentState.PAID] * 3
    next_month = (now().replace(day=1) + timedelta(days=32)).replace(day=1)
    payments.topping_up._clock = lambda: next_month
    await payments.topping_up.round()
    assert len(await automatic(payments, caller)) == 4


@pytest.mark.parametrize(
    ("number", "says"), [(cards.DECLINED_LATER, "another card"), (cards.ASKS_ALWAYS, "ask its owner")]
)
async def test_a_card_that_fails_stops_it_tells_why_and_goes_on_when_asked(
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    configuration: Configuration,
    saved: str,
    number: str,
    says: str,
) -> None:
    from tests.stripe import payments as theirs

    with stand_in.store.lock:
        bad = theirs.new_method(stand_in.store, number)
        theirs.attach(stand_in.store, bad, saved)
        stand_in.store.get("customer", saved)["invoice_settings"]["default_payment_method"] = bad["id"]
    await owner(database, caller.organization_id)
    await payments.set_auto_top_up(caller, *SETTING)
    await spend(database, caller, 700)
    for _ in range(3):
        await payments.topping_up.round()
    assert await automatic(payments, caller) == [PaymentState.FAILED]
    setting = await payments.auto_top_up(caller)
    assert setting is not None
    assert setting.paused is not None
    assert says in setting.paused
    assert await letters(database, configuration) == ["The card of Acme was not charged"]
    await apply_events(payments, stand_in)
    with stand_in.store.lock:
        good = theirs.new_method(stand_in.store, cards.VISA, set_up=True)
        theirs.attach(stand_in.store, good, saved)
        stand_in.store.get("customer", saved)["invoice_settings"]["default_payment_method"] = good["id"]
    await payments.set_auto_top_up(caller, *SETTING)
    await payments.topping_up.round()
    assert await automatic(payments, caller) == [PaymentState.FAILED, PaymentState.PAID]


async def test_without_a_saved_card_it_says_so(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database
) -> None:
    await payments.set_auto_top_up(caller, *SETTING)
    await payments.topping_up.round()
    setting = await payments.auto_top_up(caller)
    assert setting is not None
    assert setting.paused is not None
    assert "no saved card" in setting.paused


async def test_processes_that_look_at_once_charge_once(
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    database: Database,
    configuration: Configuration,
    saved: str,
) -> None:
    others = [Payments(database, configuration, post_of(database, configuration)) for _ in range(3)]
    await payments.set_auto_top_up(caller, *SETTING)
    await spend(database, caller, 700)
    await asyncio.gather(*(one.topping_up.round() for one in (payments, *others)))
    assert stand_in.store.amounts_of("charge", "amount_captured") == 3_000
    assert await cents_of(database, caller.organization_id) == 2_300


@pytest.mark.parametrize("when", ["before", "after", "lost"])
async def test_a_charge_whose_answer_is_lost_is_found_again_not_repeated(
    payments: Payments, stand_in: StandIn, caller: Caller, database: Database, saved: str, when: str
) -> None:
    time = [now()]
    payments.topping_up._clock = lambda: time[0]
    await payments.set_auto_top_up(caller, *SETTING)
    await spend(database, caller, 700)

    charge = payments.gateway.charge

    async def failing(*asked: object, **more: object) -> str:
        stand_in.failures.clear()
        stand_in.fail(500, 500, 500, when=when)  # type: ignore[arg-type]
        return await charge(*asked, **more)  # type: ignore[arg-type]

    payments.gateway.charge = failing  # type: ignore[method-assign]
    await payments.topping_up.round()
    assert await automatic(payments, caller) == [PaymentState.OPEN]
    payments.gateway.charge = charge  # type: ignore[method-assign]
    time[0] += timedelta(minutes=2)
    for _ in range(2):
        await payments.topping_up.round()
    await apply_events(payments, stand_in)
    assert await automatic(payments, caller) == [PaymentState.PAID]
    assert stand_in.store.amounts_of("charge", "amount_captured") == 3_000
    assert await cents_of(database, caller.organization_id) == 2_300


async def test_it_stops_when_told_to(
    payments: Payments, caller: Caller, database: Database, saved: str
) -> None:
    await payments.set_auto_top_up(caller, *SETTING)
    await payments.stop_auto_top_up(caller)
    await spend(database, caller, 900)
    await payments.topping_up.round()
    assert await automatic(payments, caller) == []


@pytest.mark.parametrize(
    ("setting", "field"),
    [
        ((0, 2_000, 6_000), "threshold"),
        ((-1, 2_000, 6_000), "threshold"),
        ((500, 499, 6_000), "amount"),
        ((500, 2_000, 1_999), "monthlyCap"),
        ((500, 2_000, 10**12), "monthlyCap"),
    ],
)
async def test_a_setting_out_of_range_is_refused_at_its_field(
    payments: Payments, caller: Caller, setting: tuple[int, int, int], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        await payments.set_auto_top_up(caller, *setting)
    assert refused.value.field == field
