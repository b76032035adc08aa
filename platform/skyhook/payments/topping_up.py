"""What happens without anybody's request: cards charged where credit runs low, and loose ends tied up."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from skyhook.accounts.models import Organization
from skyhook.accounts.service import emails_for_billing
from skyhook.billing.funds import CREDIT_ASSET
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.ledger.models import LedgerAccount
from skyhook.mail.message import Letter
from skyhook.mail.post import Post
from skyhook.payments import payments
from skyhook.payments.errors import CardDeclined, NoSavedCard, PaymentProviderUnavailable
from skyhook.payments.funds import NANO_PER_CENT, collect, organizations_owing
from skyhook.payments.gateway import Gateway
from skyhook.payments.models import AutoTopUp, Payment, PaymentKind, PaymentState, StripeCustomer
from skyhook.rounds import Rounds

POLL_S = 5.0
STALE = timedelta(minutes=1)
"""After which an automatic payment is gone on with: its process has died, or Stripe did not answer."""
KEYS_LAST = timedelta(hours=23)
"""How long Stripe surely knows an idempotency key; charging again later might charge twice."""
LOOKED_AFTER = timedelta(hours=1)
"""After which Stripe is asked about an open page: its event may have been lost."""

_BALANCE = (
    select(LedgerAccount.balance)
    .where(
        LedgerAccount.organization_id == AutoTopUp.organization_id,
        LedgerAccount.kind == "credit",
        LedgerAccount.asset == CREDIT_ASSET,
    )
    .correlate(AutoTopUp)
    .scalar_subquery()
)
_IS_LOW = func.coalesce(_BALANCE, 0) < AutoTopUp.threshold * NANO_PER_CENT

_log = logging.getLogger(__name__)


class ToppingUp(Rounds):
    """The rounds of this process; each step is safe beside those of others."""

    def __init__(
        self, database: Database, gateway: Gateway, post: Post, address: str, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(POLL_S, _log, "credit cannot be topped up now")
        self._database = database
        self._gateway = gateway
        self._post = post
        self._address = address
        self._clock = clock

    async def round(self) -> None:
        """Does all that is due."""
        for organization_id in await self._low():
            payment = await self._begin(organization_id)
            if payment is not None:
                await self._charge(payment)
        for payment in await self._left_open():
            with suppress(PaymentProviderUnavailable):  # logged where it failed; asked again
                await (self._go_on if payment.kind == PaymentKind.AUTOMATIC else self.refresh)(payment)
        for organization_id in await self._stopped():
            await self._tell(organization_id)
        async with self._database.read() as session:
            owing = await organizations_owing(session)
        for organization_id in owing:
            async with self._database.write() as session:
                await collect(session, organization_id)

    async def refresh(self, payment: Payment) -> Payment:
        """The payment after a look at its page. Raises PaymentProviderUnavailable."""
        if payment.session is None:
            async with self._database.write() as session:
                await payments.apply_expired(session, payment.id)
        else:
            standing = await self._gateway.standing(payment.session)
            async with self._database.write() as session:
                if standing.is_paid and standing.intent:
                    await payments.apply_paid(session, payment.id, standing.intent, standing.charged)
                elif standing.is_over:
                    await payments.apply_expired(session, payment.id)
        async with self._database.read() as session:
            return await session.get_one(Payment, payment.id)

    async def _low(self) -> list[UUID]:
        """The organizations whose credit is to be topped up."""
        query = select(AutoTopUp.organization_id).where(AutoTopUp.paused.is_(None), _IS_LOW)
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def _begin(self, organization_id: UUID) -> Payment | None:
        """A new payment; None where one is open already, or the month's cap is reached."""
        try:
            customer = await self._customer(organization_id)
            cards = await self._gateway.cards(customer) if customer else []
        except PaymentProviderUnavailable:
            return None  # logged where it failed; begun a little later
        try:
            async with self._database.write() as session:
                setting = await session.get(AutoTopUp, organization_id, with_for_update=True)
                if setting is None or setting.paused is not None:
                    return None
                month = self._clock().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
                spent = await session.scalar(
                    select(func.coalesce(func.sum(Payment.amount), 0)).where(
                        Payment.organization_id == organization_id,
                        Payment.kind == PaymentKind.AUTOMATIC,
                        Payment.state.in_((PaymentState.OPEN, PaymentState.PAID)),
                        Payment.created_at >= month,
                    )
                )
                if (spent or 0) + setting.amount > setting.monthly_cap:
                    return None
                payment = Payment(
                    id=new_id(), organization_id=organization_id, kind=PaymentKind.AUTOMATIC,
                    state=PaymentState.OPEN, amount=setting.amount, taken_back=0,
                    card=cards[0].id if cards else None,
                    created_at=self._clock(),
                )  # fmt: skip
                session.add(payment)
                await session.flush()
                # Only now: until another process's payment has ended, this one could not be written.
                if not await session.scalar(
                    select(_IS_LOW).where(AutoTopUp.organization_id == organization_id)
                ):
                    await session.delete(payment)
                    return None
        except IntegrityError:
            return None  # another process has begun one
        return payment

    async def _go_on(self, payment: Payment) -> None:
        """Goes on with an automatic payment that was left half done. Raises PaymentProviderUnavailable."""
        customer = await self._customer(payment.organization_id)
        intent = customer and await self._gateway.charged(customer, str(payment.id), payment.created_at)
        if intent:
            async with self._database.write() as session:
                await payments.apply_paid(session, payment.id, intent)
        elif payment.created_at < self._clock() - KEYS_LAST:
            async with self._database.write() as session:
                await payments.apply_failed(session, payment.id, "Stripe did not answer for a day.")
        else:
            await self._charge(payment)

    async def _charge(self, payment: Payment) -> None:
        """Charges the saved card; the same payment is charged once, however often this is tried."""
        try:
            customer = await self._customer(payment.organization_id)
            if customer is None or payment.card is None:
                raise NoSavedCard("There is no saved card. Pay once on Stripe's page, which saves it.")
            payment = await self._taxed(customer, payment)
            intent = await self._gateway.charge(
                customer,
                payment.card or "",
                payment.amount + payment.tax,
                {"payment": str(payment.id)},
                key=str(payment.id),
                calculation=payment.tax_calculation,
            )
        except PaymentProviderUnavailable:
            return  # logged where it failed; gone on with in a minute
        except (CardDeclined, NoSavedCard) as error:
            async with self._database.write() as session:
                await payments.apply_failed(session, payment.id, error.message)
            return
        async with self._database.write() as session:
            await payments.apply_paid(session, payment.id, intent)

    async def _taxed(self, customer: str, payment: Payment) -> Payment:
        """The payment with its tax, which is asked for once: each try must charge the same."""
        if not self._gateway.with_tax or payment.tax_calculation is not None:
            return payment
        tax = await self._gateway.tax(customer, payment.amount, key=f"tax-{payment.id}")
        async with self._database.write() as session:
            kept = await session.get_one(Payment, payment.id, with_for_update=True)
            if kept.state == PaymentState.OPEN and kept.tax_calculation is None:
                kept.tax, kept.tax_calculation = tax.cents, tax.calculation
        return kept

    async def _customer(self, organization_id: UUID) -> str | None:
        async with self._database.read() as session:
            customer = await session.get(StripeCustomer, organization_id)
        return None if customer is None else customer.stripe_id

    async def _left_open(self) -> list[Payment]:
        """Open payments that nobody goes on with."""
        now = self._clock()
        query = select(Payment).where(
            Payment.state == PaymentState.OPEN,
            ((Payment.kind == PaymentKind.AUTOMATIC) & (Payment.created_at < now - STALE))
            | (
                (Payment.kind == PaymentKind.CHECKOUT)
                & (Payment.created_at < now - LOOKED_AFTER)
                & (Payment.created_at > now - timedelta(days=3))
            ),
        )
        async with self._database.read() as session:
            return list(await session.scalars(query))

    async def _stopped(self) -> Sequence[UUID]:
        """The organizations whose automatic payments have stopped without anybody having been told."""
        query = select(AutoTopUp.organization_id).where(AutoTopUp.paused.is_not(None), ~AutoTopUp.is_told)
        async with self._database.read() as session:
            return (await session.scalars(query)).all()

    async def _tell(self, organization_id: UUID) -> None:
        """Writes to those who look after the money, once for each time that it stopped."""
        async with self._database.write() as session:
            setting = await session.get(AutoTopUp, organization_id, with_for_update=True)
            if setting is None or setting.paused is None or setting.is_told:
                return
            setting.is_told = True
            organization = await session.get_one(Organization, organization_id)
            subject = f"The card of {organization.name} was not charged"
            paragraphs = [
                f"Skyhook tried to buy credit for ${setting.amount / 100:.2f}, but could not. "
                f"{setting.paused}",
                "Calls are refused once the credit is used up. No more is tried until you turn "
                "automatic payments on again.",
            ]
            page = f"{self._address}/console/o/{organization.slug}/billing/payments"
            emails = await emails_for_billing(session, organization_id)
            self._post.add(
                session, (Letter(email, subject, paragraphs, "Open billing", page) for email in emails)
            )
        self._post.wake()

    async def look(self) -> float:
        """A round."""
        await self.round()
        return POLL_S
