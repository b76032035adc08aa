"""Plans in tests: an organization that pays for one, another card, and that all books agree."""

from __future__ import annotations

from tests.payments.conftest import apply_events
from tests.stripe import cards
from tests.stripe import payments as theirs
from tests.stripe.server import StandIn

from skyhook.billing import Billing
from skyhook.billing.reconciliation import reconcile
from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.payments import Payments
from skyhook.payments.checkup import differences
from skyhook.payments.plan_checkup import plan_differences
from skyhook.payments.plan_models import Subscription
from skyhook.payments.subscriptions import Subscriptions


async def subscribed(
    subscriptions: Subscriptions,
    payments: Payments,
    stand_in: StandIn,
    caller: Caller,
    plan: str = "starter",
    number: str = cards.VISA,
) -> Subscription:
    """An organization that has paid for a plan's first month."""
    url = await subscriptions.start(caller, plan)
    stand_in.pay(url.rpartition("/")[2], number)
    await apply_events(payments, stand_in)
    return await here(subscriptions, caller)


async def here(subscriptions: Subscriptions, caller: Caller) -> Subscription:
    row = await subscriptions.current(caller)
    assert row is not None
    return row


async def whole(database: Database, payments: Payments) -> None:
    """That all books agree, those of Stripe included."""
    async with database.read() as session:
        assert await reconcile(session) == []
    assert await differences(database, payments.gateway) == []
    assert await plan_differences(database, payments.gateway) == []


def use_card(stand_in: StandIn, number: str) -> None:
    """Gives the customer another card, which their subscriptions are paid with, as on the portal."""
    with stand_in.store.lock:
        customer = next(stand_in.store.all("customer"))
        method = theirs.new_method(stand_in.store, number, set_up=True)
        theirs.attach(stand_in.store, method, customer["id"])
        customer["invoice_settings"]["default_payment_method"] = method["id"]
        for subscription in stand_in.store.all("subscription"):
            subscription["default_payment_method"] = None


async def grants_of(database: Database, caller: Caller) -> list[tuple[str, int]]:
    """Why credit was given, and how many cents of it are left, oldest first."""
    found = await Billing(database).grants(caller.organization_id, 100)
    return [(one.reference, one.remaining // 10_000_000) for one in sorted(found, key=lambda one: one.id)]


async def cents_of_all(database: Database, caller: Caller) -> int:
    return (await Billing(database).balance(caller.organization_id)).balance // 10_000_000
