"""Subscriptions followed: what Stripe says of them becomes what organizations have here.

Nothing is taken from an event but whose it is. Stripe is asked for all that it knows of the customer, so
events may come in any order, twice, or not at all: the end is the same.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import and_, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.terms import set_discount
from skyhook.clock import now
from skyhook.database import Database
from skyhook.ledger.service import insert_if_absent
from skyhook.mail.post import Post
from skyhook.payments import dunning
from skyhook.payments.errors import PaymentProviderUnavailable
from skyhook.payments.funds import NANO_PER_CENT
from skyhook.payments.included import give_included, is_given
from skyhook.payments.models import Payment, StripeCustomer
from skyhook.payments.payments import apply_invoice_paid
from skyhook.payments.plan_gateway import PlanGateway, Seen, SeenInvoice, SeenSubscription
from skyhook.payments.plan_models import LATE, LIVE, Plan, PlanPrice, Subscription, SubscriptionState
from skyhook.rounds import Rounds

POLL_S = 30.0
LATE_CREDIT = timedelta(days=7)
"""How long the credit of an invoice stays that became known only when its period was over."""
LOOKED_AFTER = timedelta(hours=1)
"""After which Stripe is asked where an event is missing."""

_log = logging.getLogger(__name__)


class Renewals(Rounds):
    """The rounds of this process; each step is safe beside those of others."""

    def __init__(
        self,
        database: Database,
        gateway: PlanGateway,
        post: Post,
        address: str,
        clock: Callable[[], datetime],
    ) -> None:
        super().__init__(POLL_S, _log, "subscriptions cannot be looked after now")
        self._database = database
        self._gateway = gateway
        self._post = post
        self._address = address
        self._clock = clock

    async def follow_customer(self, customer: str) -> None:
        """As `follow`, for whom Stripe names so; a customer that is not ours is left alone."""
        async with self._database.read() as session:
            query = select(StripeCustomer.organization_id).where(StripeCustomer.stripe_id == customer)
            organization_id = await session.scalar(query)
        if organization_id is not None:
            await self.follow(organization_id)

    async def follow(self, organization_id: UUID) -> None:
        """Makes an organization's subscription, payments and included credit what they are at Stripe.

        Raises PaymentProviderUnavailable.
        """
        async with self._database.write() as session:
            customer = await session.get(StripeCustomer, organization_id)
            if customer is None:
                return
            row = await locked(session, organization_id)
            row.looks += 1
            look = row.looks
        seen = await self._gateway.look(customer.stripe_id)
        async with self._database.read() as session:
            ids = [invoice.id for invoice in seen.invoices]
            known = set(await session.scalars(select(Payment.invoice).where(Payment.invoice.in_(ids))))
        intents = {
            invoice.id: await self._gateway.intent_of(invoice.id)
            for invoice in seen.invoices
            if invoice.id not in known and invoice.cents > 0
        }
        async with self._database.write() as session:
            row = await locked(session, organization_id)
            prices = {one.stripe_id: one for one in await session.scalars(select(PlanPrice))}
            plans = {one.name: one for one in await session.scalars(select(Plan))}
            for invoice in reversed(seen.invoices):
                await _record(session, organization_id, invoice, intents, prices, plans)
            if look > row.seen:
                row.seen = look
                subject = _apply(row, seen, prices)
                await self._set_discount(session, row, plans)
                if subject is not None:
                    self._post.add(session, await dunning.letters(session, self._address, row, subject))
        self._post.wake()

    async def round(self) -> None:
        """Ends discounts whose grace is over, and looks where an event is missing."""
        async with self._database.read() as session:
            plans = {one.name: one for one in await session.scalars(select(Plan))}
            live = await session.scalars(select(Subscription).where(Subscription.state.in_(LIVE)))
            changed = [row.organization_id for row in live if self._discount(row, plans) != row.discount]
        for organization_id in changed:
            async with self._database.write() as session:
                row = await session.get(Subscription, organization_id, with_for_update={"skip_locked": True})
                if row is not None:
                    await self._set_discount(session, row, plans)
        for organization_id in await self._missing():
            with suppress(PaymentProviderUnavailable):  # logged where it failed; asked again
                await self.follow(organization_id)

    async def _missing(self) -> Sequence[UUID]:
        """The organizations of whose renewal, or page to pay on, nothing was heard."""
        at = self._clock()
        query = select(Subscription.organization_id).where(
            Subscription.updated_at < at - LOOKED_AFTER,
            or_(
                and_(Subscription.state.in_(LIVE), Subscription.period_end < at - LOOKED_AFTER),
                Subscription.session.is_not(None),
            ),
        )
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    def _discount(self, row: Subscription, plans: Mapping[str, Plan]) -> int:
        """Basis points that a subscription gives now."""
        return plans[row.plan].discount if row.plan and row.is_in_force(self._clock()) else 0

    async def _set_discount(
        self, session: AsyncSession, row: Subscription, plans: Mapping[str, Plan]
    ) -> None:
        discount = self._discount(row, plans)
        if discount != row.discount:
            await set_discount(session, row.organization_id, discount)
            row.discount = discount

    async def look(self) -> float:
        """A round."""
        await self.round()
        return POLL_S


async def locked(session: AsyncSession, organization_id: UUID) -> Subscription:
    """The organization's row, for this unit of work alone; written where there was none."""
    row = {
        "organization_id": organization_id, "state": SubscriptionState.NONE, "discount": 0,
        "cancel_at_period_end": False, "looks": 0, "seen": 0, "updated_at": now(),
    }  # fmt: skip
    await session.execute(insert_if_absent(session, Subscription).values(row))
    return await session.get_one(Subscription, organization_id, with_for_update=True, populate_existing=True)


async def _record(
    session: AsyncSession,
    organization_id: UUID,
    invoice: SeenInvoice,
    intents: Mapping[str, str | None],
    prices: Mapping[str, PlanPrice],
    plans: Mapping[str, Plan],
) -> None:
    """Does once what a paid invoice means: its included credit, and the payment.

    A month's line gives all that its plan includes, and a part of a month the same part of it. What goes
    unused after a change is below zero, so a change gives the difference.
    """
    lines = [line for line in invoice.lines if line.price in prices]
    if not lines or await is_given(session, organization_id, invoice.id):
        return
    if await session.scalar(select(Payment.id).where(Payment.invoice == invoice.id)) is not None:
        return
    nano = 0
    for line in lines:
        price = prices[line.price or ""]
        nano += plans[price.plan].included * NANO_PER_CENT * line.cents // price.price
    until = max(line.end for line in lines)
    if until <= now():
        until = now() + LATE_CREDIT
    paid = max(lines, key=lambda line: line.cents)
    if nano > 0:
        title = plans[prices[paid.price or ""].plan].title
        await give_included(session, organization_id, nano, title=title, invoice=invoice.id, until=until)
    if invoice.cents > 0:
        await apply_invoice_paid(
            session, organization_id, invoice.id, intents.get(invoice.id), invoice.cents, invoice.tax,
            invoice.created,
        )  # fmt: skip


def _apply(row: Subscription, seen: Seen, prices: Mapping[str, PlanPrice]) -> dunning.Subject | None:
    """Writes what was seen into the row; what its owners are to be told."""
    ours = [one for one in seen.subscriptions if one.price in prices]
    chosen = max(ours, key=lambda one: (one.state in LIVE, one.created), default=None)
    if chosen is None:
        return None
    next_price = prices[chosen.price]
    paid = _paid_price(chosen, seen, prices) or next_price
    row.stripe_id, row.state = chosen.id, chosen.state
    row.plan, row.paid_price = paid.plan, paid.stripe_id
    goes_on = chosen.state in LIVE and not chosen.cancel_at_period_end
    row.next_plan = next_price.plan if goes_on and next_price.plan != paid.plan else None
    row.next_price = next_price.price if goes_on else None
    row.period_start, row.period_end = chosen.period_start, chosen.period_end
    row.cancel_at_period_end = chosen.cancel_at_period_end
    row.unpaid_invoice, row.pay_at = chosen.unpaid_invoice, chosen.pay_at
    if chosen.state in LIVE:
        row.session = None
    if row.state in LATE and chosen.unpaid_invoice not in {None, row.told}:
        row.told = chosen.unpaid_invoice
        return dunning.Subject.NOT_PAID
    if row.state == SubscriptionState.CANCELED and chosen.was_not_paid and row.told != chosen.id:
        row.told = chosen.id
        return dunning.Subject.ENDED
    return None


def _paid_price(one: SeenSubscription, seen: Seen, prices: Mapping[str, PlanPrice]) -> PlanPrice | None:
    """The price of the newest invoice that was paid for a subscription."""
    for invoice in seen.invoices:
        lines = [line for line in invoice.lines if line.price in prices]
        if invoice.subscription == one.id and lines:
            return prices[max(lines, key=lambda line: line.cents).price or ""]
    return None
