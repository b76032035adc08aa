"""Subscriptions: what the console and GraphQL do with them."""

from __future__ import annotations

from uuid import UUID

from skyhook.accounts import audit
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.operations.caller import Caller
from skyhook.payments.errors import (
    AlreadyOnPlan,
    AlreadySubscribed,
    NoSavedCard,
    NotSubscribed,
    PlanNotOffered,
    SubscriptionPaymentPending,
)
from skyhook.payments.plan_gateway import SeenSubscription
from skyhook.payments.plan_models import LATE, LIVE, Plan, PlanPrice, Subscription, SubscriptionState
from skyhook.payments.plans import Plans
from skyhook.payments.renewals import locked
from skyhook.payments.service import Payments
from skyhook.scopes import BILLING_READ, BILLING_WRITE


class Subscriptions:
    """One for each server process."""

    def __init__(self, database: Database, payments: Payments) -> None:
        self._database = database
        self._payments = payments
        self._gateway = payments.gateway
        self.plans = Plans(database, payments.gateway)

    async def current(self, caller: Caller, *, fresh: bool = False) -> Subscription | None:
        """The subscription, or the last one; with `fresh`, as Stripe knows it, whose events may be late.

        None where there never was one. Raises ScopeMissing, PaymentProviderUnavailable.
        """
        caller.require(BILLING_READ)
        if fresh and self._gateway.is_configured:
            await self._payments.renewals.follow(caller.organization_id)
        async with self._database.read() as session:
            row = await session.get(Subscription, caller.organization_id)
        return None if row is None or row.state == SubscriptionState.NONE else row

    async def late(self, caller: Caller) -> Subscription | None:
        """The subscription where its renewal is not paid. Raises ScopeMissing."""
        row = await self.current(caller)
        return row if row is not None and row.state in LATE else None

    async def paid_cents(self, row: Subscription) -> int:
        """What a month costs that is paid now: a plan whose price is above it is a dearer one."""
        return (await self._present(row)).price

    async def start(self, caller: Caller, name: str) -> str:
        """The address of Stripe's page on which a plan is subscribed to.

        A page of before can no longer be paid on, so that nobody subscribes twice. Raises ScopeMissing,
        PlanNotOffered, AlreadySubscribed, SubscriptionPaymentPending, PaymentsNotConfigured,
        PaymentProviderUnavailable.
        """
        caller.require(BILLING_WRITE)
        customer = await self._payments.customer(caller)
        plan = await self._offered(name)
        row = await self.current(caller, fresh=True)
        if row is not None and row.state in LIVE:
            raise AlreadySubscribed("There is a plan already. Change it instead.")
        before = await self._page_of(caller.organization_id)
        if before is not None and not await self._gateway.close_page(before):
            raise SubscriptionPaymentPending(
                "A plan was just paid for, and Stripe has not confirmed it yet. Look again in a minute."
            )
        back = await self._payments.page(caller.organization_id, "plan")
        page = await self._gateway.subscribe(
            customer,
            plan.stripe_price,
            {"organization": str(caller.organization_id), "plan": plan.name},
            key=f"subscribe-{new_id()}",
            success=f"{back}?paid=1",
            cancel=back,
        )
        async with self._database.write() as session:
            kept = await locked(session, caller.organization_id)
            is_ours = kept.session == before
            if is_ours:
                kept.session = page.id
                audit.record(session, caller, "subscription.begun", None, plan=plan.name)
        if not is_ours:
            await self._gateway.close_page(page.id)
            raise SubscriptionPaymentPending(
                "Somebody else opens a page to pay for a plan right now. Try again in a minute."
            )
        return page.url

    async def change(self, caller: Caller, name: str) -> Subscription:
        """Another plan: a dearer one at once, its difference paid; a cheaper one from the next period on.

        To choose the present plan takes a change back that is still to come. Raises ScopeMissing,
        NotSubscribed, PlanNotOffered, AlreadyOnPlan, SubscriptionPaymentPending, NoSavedCard, CardDeclined,
        PaymentProviderUnavailable.
        """
        caller.require(BILLING_WRITE)
        row, seen = await self._live(caller)
        if row.state != SubscriptionState.ACTIVE:
            raise SubscriptionPaymentPending(
                "The last renewal is not paid yet. Pay it, or change the card, then change the plan."
            )
        present = await self._present(row)
        if name == row.plan:
            if row.next_plan is None:
                raise AlreadyOnPlan("This is the plan already.", field="plan")
            target = present
        else:
            plan = await self._offered(name)
            if name == row.next_plan:
                raise AlreadyOnPlan(f"The change to {plan.title} is under way already.", field="plan")
            async with self._database.read() as session:
                target = await session.get_one(PlanPrice, plan.stripe_price)
        await self._move(caller, row, seen, present, target)
        if row.cancel_at_period_end:
            await self._gateway.set_cancel(seen.id, is_canceled=False, key=f"resume-{new_id()}")
        await self._record(caller, "subscription.changed", plan=name)
        return await self._followed(caller)

    async def cancel(self, caller: Caller) -> Subscription:
        """Ends the subscription with the period that is paid; one whose renewal is not paid ends at once.

        Raises ScopeMissing, NotSubscribed, PaymentProviderUnavailable.
        """
        caller.require(BILLING_WRITE)
        row, seen = await self._live(caller)
        if row.state == SubscriptionState.ACTIVE:
            await self._gateway.set_cancel(seen.id, is_canceled=True, key=f"cancel-{new_id()}")
        else:
            await self._gateway.end(seen.id, key=f"end-{seen.id}")
        await self._record(caller, "subscription.canceled")
        return await self._followed(caller)

    async def resume(self, caller: Caller) -> Subscription:
        """Takes a cancellation back while the period lasts.

        Raises ScopeMissing, NotSubscribed, PaymentProviderUnavailable.
        """
        caller.require(BILLING_WRITE)
        _, seen = await self._live(caller)
        await self._gateway.set_cancel(seen.id, is_canceled=False, key=f"resume-{new_id()}")
        await self._record(caller, "subscription.resumed")
        return await self._followed(caller)

    async def _move(
        self,
        caller: Caller,
        row: Subscription,
        seen: SeenSubscription,
        present: PlanPrice,
        target: PlanPrice,
    ) -> None:
        is_dearer = target.price > present.price
        if is_dearer and seen.card is None and not await self._payments.cards(caller):
            raise NoSavedCard("There is no saved card. Add one on Stripe's page, then change the plan.")
        if is_dearer and row.next_plan is not None:
            # What is paid for is the present plan: only from its price is the difference right.
            await self._set_price(seen, present, is_at_once=False)
        await self._set_price(seen, target, is_at_once=is_dearer)

    async def _set_price(self, seen: SeenSubscription, price: PlanPrice, *, is_at_once: bool) -> None:
        await self._gateway.set_price(
            seen.id, seen.item, price.stripe_id, is_at_once=is_at_once, key=f"change-{new_id()}"
        )

    async def _present(self, row: Subscription) -> PlanPrice:
        async with self._database.read() as session:
            return await session.get_one(PlanPrice, row.paid_price)

    async def _live(self, caller: Caller) -> tuple[Subscription, SeenSubscription]:
        """The subscription here and at Stripe, both as of now. Raises NotSubscribed."""
        row = await self.current(caller, fresh=True)
        if row is None or row.state not in LIVE:
            raise NotSubscribed("There is no plan. Choose one first.")
        seen = await self._gateway.look(await self._payments.customer(caller))
        for one in seen.subscriptions:
            if one.id == row.stripe_id:
                return row, one
        raise NotSubscribed("There is no plan. Choose one first.")

    async def _offered(self, name: str) -> Plan:
        plan = await self.plans.named(name)
        if plan is None or not plan.is_offered:
            raise PlanNotOffered("This plan is not offered. Choose one of the list.", field="plan")
        return plan

    async def _page_of(self, organization_id: UUID) -> str | None:
        async with self._database.read() as session:
            row = await session.get(Subscription, organization_id)
        return None if row is None else row.session

    async def _record(self, caller: Caller, action: str, **values: str) -> None:
        async with self._database.write() as session:
            audit.record(session, caller, action, None, **values)

    async def _followed(self, caller: Caller) -> Subscription:
        row = await self.current(caller, fresh=True)
        if row is None:
            raise NotFound("There is no plan.")
        return row
