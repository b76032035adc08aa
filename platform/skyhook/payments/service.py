"""Payments: what the console, GraphQL and commands see of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import select

from skyhook import clock as clocks
from skyhook.accounts import audit
from skyhook.accounts.models import Organization, User
from skyhook.clock import new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger.service import insert_if_absent
from skyhook.mail.post import Post
from skyhook.operations.caller import Caller
from skyhook.payments import payments
from skyhook.payments.errors import RefundExceeds
from skyhook.payments.funds import owed_by
from skyhook.payments.gateway import Card, Page
from skyhook.payments.inbox import Inbox
from skyhook.payments.meters import UsageReports
from skyhook.payments.models import AutoTopUp, Payment, PaymentKind, PaymentState, StripeCustomer
from skyhook.payments.plan_gateway import PlanGateway
from skyhook.payments.renewals import Renewals
from skyhook.payments.topping_up import ToppingUp
from skyhook.scopes import BILLING_READ, BILLING_WRITE

SMALLEST, LARGEST = 500, 1_000_000
"""US cents of one payment."""


class Payments:
    """One for each server process. Amounts are US cents, as on a card's statement."""

    def __init__(
        self,
        database: Database,
        configuration: Configuration,
        post: Post,
        *,
        clock: Callable[[], datetime] = clocks.now,
    ) -> None:
        self._database = database
        self._address = configuration.address
        self._clock = clock
        self.gateway = PlanGateway(
            configuration.stripe_secret_key,
            configuration.stripe_webhook_secret,
            configuration.stripe_url,
            with_tax=configuration.stripe_tax,
        )
        self.renewals = Renewals(database, self.gateway, post, self._address, clock)
        self.inbox = Inbox(database, clock, self.renewals.follow_customer)
        self.usage_reports = UsageReports(database, self.gateway, clock)
        self._reports_usage = configuration.stripe_meters
        self.topping_up = ToppingUp(database, self.gateway, post, self._address, clock)

    @property
    def are_taken(self) -> bool:
        """Whether this instance takes cards."""
        return self.gateway.is_configured

    async def start(self) -> None:
        """Applies Stripe's events and tops credit up from here on."""
        if self.are_taken:
            await self.inbox.start()
            await self.topping_up.start()
            await self.renewals.start()
            if self._reports_usage:
                await self.usage_reports.start()

    async def close(self) -> None:
        """Stops; what is half done is gone on with by the next process."""
        await self.usage_reports.close()
        await self.renewals.close()
        await self.topping_up.close()
        await self.inbox.close()

    async def top_up(self, caller: Caller, cents: int) -> tuple[Payment, Page]:
        """Begins a payment; the page of Stripe's on which it is made.

        Raises ScopeMissing, InvalidInput, PaymentsNotConfigured, PaymentProviderUnavailable.
        """
        caller.require(BILLING_WRITE)
        if not SMALLEST <= cents <= LARGEST:
            raise InvalidInput(
                f"Credit is bought for ${SMALLEST // 100} to ${LARGEST // 100:,} at a time.", field="amount"
            )
        customer = await self.customer(caller)
        payment = Payment(
            id=new_id(), organization_id=caller.organization_id, kind=PaymentKind.CHECKOUT,
            state=PaymentState.OPEN, amount=cents, taken_back=0,
        )  # fmt: skip
        async with self._database.write() as session:
            session.add(payment)
            audit.record(session, caller, "payment.begun", payment.id, cents=cents)
        back = await self.page(caller.organization_id)
        page = await self.gateway.checkout(
            customer,
            cents,
            {"payment": str(payment.id)},
            key=str(payment.id),
            success=f"{back}/{payment.id}",
            cancel=back,
        )
        async with self._database.write() as session:
            kept = await session.get_one(Payment, payment.id, with_for_update=True)
            kept.session = page.id
        return kept, page

    async def payment(self, caller: Caller, payment_id: UUID, *, fresh: bool = False) -> Payment:
        """A payment; with `fresh`, as Stripe knows it, whose event may still be on its way.

        Raises ScopeMissing, NotFound, PaymentProviderUnavailable.
        """
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            found = await session.get(Payment, payment_id)
        if found is None or found.organization_id != caller.organization_id:
            raise NotFound("There is no such payment.")
        if fresh and found.state == PaymentState.OPEN and found.session is not None:
            return await self.topping_up.refresh(found)
        return found

    async def payments(self, caller: Caller, limit: int, before: UUID | None = None) -> Sequence[Payment]:
        """The organization's payments, newest first. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        query = (
            select(Payment)
            .where(Payment.organization_id == caller.organization_id)
            .order_by(Payment.id.desc())
            .limit(limit)
        )
        async with self._database.read() as session:
            return (
                await session.scalars(query if before is None else query.where(Payment.id < before))
            ).all()

    async def cards(self, caller: Caller) -> list[Card]:
        """The saved cards, the one that is charged first. Raises ScopeMissing, PaymentProviderUnavailable."""
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            customer = await session.get(StripeCustomer, caller.organization_id)
        return [] if customer is None else await self.gateway.cards(customer.stripe_id)

    async def owed(self, caller: Caller) -> int:
        """Nano-dollars that were spent of credit whose money went back. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            return await owed_by(session, caller.organization_id)

    async def portal(self, caller: Caller) -> str:
        """The address of Stripe's page for cards. Raises as `top_up` does."""
        caller.require(BILLING_WRITE)
        return await self.gateway.portal(await self.customer(caller), await self.page(caller.organization_id))

    async def auto_top_up(self, caller: Caller) -> AutoTopUp | None:
        """How credit is topped up by itself; None where it is not. Raises ScopeMissing."""
        caller.require(BILLING_READ)
        async with self._database.read() as session:
            return await session.get(AutoTopUp, caller.organization_id)

    async def set_auto_top_up(
        self, caller: Caller, threshold: int, amount: int, monthly_cap: int
    ) -> AutoTopUp:
        """Charges the saved card from now on where unspent credit falls below `threshold` cents.

        Also lets what had stopped by itself go on. Raises ScopeMissing, InvalidInput, PaymentsNotConfigured.
        """
        caller.require(BILLING_WRITE)
        if not 0 < threshold <= LARGEST:
            raise InvalidInput(
                f"The threshold is above $0 and at most ${LARGEST // 100:,}.", field="threshold"
            )
        if not SMALLEST <= amount <= LARGEST:
            raise InvalidInput(
                f"Credit is bought for ${SMALLEST // 100} to ${LARGEST // 100:,} at a time.", field="amount"
            )
        if not amount <= monthly_cap <= 100 * LARGEST:
            raise InvalidInput("The cap of a month must cover at least one payment.", field="monthlyCap")
        await self.customer(caller)
        values = {"threshold": threshold, "amount": amount, "monthly_cap": monthly_cap, "paused": None}
        async with self._database.write() as session:
            new = {"organization_id": caller.organization_id, "updated_at": self._clock(), **values}
            await session.execute(insert_if_absent(session, AutoTopUp).values(new))
            setting = await session.get_one(AutoTopUp, caller.organization_id, with_for_update=True)
            setting.threshold, setting.amount, setting.monthly_cap = threshold, amount, monthly_cap
            setting.paused = None
            audit.record(session, caller, "auto_top_up.set", None, **values)
        self.topping_up.wake()
        return setting

    async def stop_auto_top_up(self, caller: Caller) -> None:
        """Charges the card no more by itself. Raises ScopeMissing."""
        caller.require(BILLING_WRITE)
        async with self._database.write() as session:
            setting = await session.get(AutoTopUp, caller.organization_id, with_for_update=True)
            if setting is not None:
                await session.delete(setting)
                audit.record(session, caller, "auto_top_up.stopped")

    async def refund(self, payment_id: UUID, cents: int | None) -> Payment:
        """Gives a payment back to its card, or so many cents of it, tax included; for operators.

        Credit that is spent stays paid for: no more goes back than the organization has available.
        Raises NotFound, RefundExceeds, PaymentProviderUnavailable.
        """
        async with self._database.read() as session:
            payment = await session.get(Payment, payment_id)
        if payment is None:
            raise NotFound("There is no such payment.")
        left = payment.amount + payment.tax - payment.taken_back - payment.taken_back_tax
        wanted = left if cents is None else cents
        if payment.state != PaymentState.PAID or payment.intent is None or left == 0:
            raise RefundExceeds("Nothing of this payment can be given back.")
        if not 0 < wanted <= left:
            raise RefundExceeds(f"Of this payment, {left / 100:.2f} dollars can be given back at most.")
        key = f"refund-{payment.id}-{payment.taken_back + payment.taken_back_tax}-{wanted}"
        refund, amount = await self.gateway.refund(payment.intent, wanted, key=key)
        async with self._database.write() as session:
            found = await payments.apply_reversal(session, refund, payment.intent, amount, undone=False)
        return found or payment

    async def customer(self, caller: Caller) -> str:
        """The organization's customer at Stripe, made where there is none."""
        async with self._database.read() as session:
            known = await session.get(StripeCustomer, caller.organization_id)
            if known is not None:
                return known.stripe_id
            organization = await session.get_one(Organization, caller.organization_id)
            user = await session.get(User, caller.user_id) if caller.user_id else None
        made = await self.gateway.create_customer(
            organization.id, organization.name, user.email if user else None
        )
        async with self._database.write() as session:
            values = {"organization_id": organization.id, "stripe_id": made, "created_at": self._clock()}
            await session.execute(insert_if_absent(session, StripeCustomer).values(values))
            return (await session.get_one(StripeCustomer, organization.id)).stripe_id

    async def page(self, organization_id: UUID, name: str = "payments") -> str:
        """The address of one of the organization's pages of billing."""
        async with self._database.read() as session:
            organization = await session.get_one(Organization, organization_id)
        return f"{self._address}/console/o/{organization.slug}/billing/{name}"
