"""GraphQL of payments: what was bought, the saved cards, and credit that tops itself up."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.payments import gateway, models
from skyhook.scopes import BILLING_READ


@strawberry.enum(description="How a payment came about.")
class PaymentKind(Enum):
    CHECKOUT = strawberry.enum_value(
        models.PaymentKind.CHECKOUT.value, description="Somebody paid on Stripe's page."
    )
    AUTOMATIC = strawberry.enum_value(
        models.PaymentKind.AUTOMATIC.value, description="The saved card was charged since credit ran low."
    )
    SUBSCRIPTION = strawberry.enum_value(
        models.PaymentKind.SUBSCRIPTION.value, description="A plan's month; it adds no paid credit."
    )


@strawberry.enum(description="Where a payment stands.")
class PaymentState(Enum):
    OPEN = strawberry.enum_value(models.PaymentState.OPEN.value, description="It can still be made.")
    PAID = strawberry.enum_value(models.PaymentState.PAID.value, description="Its credit was added.")
    FAILED = strawberry.enum_value(models.PaymentState.FAILED.value, description="The card was not charged.")
    EXPIRED = strawberry.enum_value(models.PaymentState.EXPIRED.value, description="Nobody paid in time.")


@strawberry.type(description="Money that came by card: for credit, or for a plan.")
class Payment(ByUuid, Node):
    """A payment of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    kind: PaymentKind
    state: PaymentState
    cents: int = strawberry.field(description="US cents of credit, before tax.")
    tax_cents: int = strawberry.field(description="What the card was charged beside them.")
    taken_back_cents: int = strawberry.field(description="Of the cents, what was refunded or is disputed.")
    failure: str | None = strawberry.field(description="Why the card was not charged, and what to do.")
    created_at: datetime
    ended_at: datetime | None

    @classmethod
    def of(cls, payment: models.Payment) -> Payment:
        """The GraphQL form of a row."""
        return cls(
            id=str(payment.id),
            kind=PaymentKind(payment.kind),
            state=PaymentState(payment.state),
            cents=payment.amount,
            tax_cents=payment.tax,
            taken_back_cents=payment.taken_back,
            failure=payment.failure,
            created_at=payment.created_at,
            ended_at=payment.ended_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Payments of the caller's organization."""
        info.context.caller.require(BILLING_READ)
        return select(models.Payment).where(
            models.Payment.id.in_(ids),
            models.Payment.organization_id == info.context.caller.organization_id,
        )


@strawberry.type(description="A payment that was begun, and the page on which it is made.")
class PaymentPage:
    """Where to send the customer."""

    payment: Payment
    url: str = strawberry.field(description="Stripe's page; it can be paid within 24 hours.")


@strawberry.type(description="A card that is saved at Stripe.")
class Card:
    """As far as people may see it."""

    brand: str
    last4: str
    expires: str = strawberry.field(description="MM/YYYY.")

    @classmethod
    def of(cls, card: gateway.Card) -> Card:
        """The GraphQL form of a card."""
        return cls(brand=card.brand, last4=card.last4, expires=card.expires)


@strawberry.type(description="That the saved card is charged where credit runs low.")
class AutoTopUp:
    """The organization's setting."""

    threshold_cents: int = strawberry.field(description="Unspent credit below which the card is charged.")
    cents: int = strawberry.field(description="What is bought each time.")
    monthly_cap_cents: int = strawberry.field(description="The most in a calendar month in UTC.")
    paused: str | None = strawberry.field(description="Why it stopped by itself; null while it works.")

    @classmethod
    def of(cls, setting: models.AutoTopUp) -> AutoTopUp:
        """The GraphQL form of a row."""
        return cls(
            threshold_cents=setting.threshold,
            cents=setting.amount,
            monthly_cap_cents=setting.monthly_cap,
            paused=setting.paused,
        )


@strawberry.input(description="When the saved card is charged, and how much. All in US cents.")
class AutoTopUpInput:
    """The new setting."""

    threshold_cents: int = strawberry.field(description="Unspent credit below which the card is charged.")
    cents: int = strawberry.field(description="What is bought each time: 500 to 1000000.")
    monthly_cap_cents: int = strawberry.field(description="The most in a calendar month in UTC.")


Cents = Annotated[int, strawberry.argument(description="US cents: 500 to 1000000.")]
PaymentId = Annotated[GlobalID, strawberry.argument(description="The payment's id.")]


@strawberry.type
class PaymentsQuery:
    """Root fields of payments."""

    @strawberry.field(description="The organization's payments by card, newest first.")
    async def payments(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Payment]:
        """A page of payments."""
        caller = info.context.caller
        caller.require(BILLING_READ)
        query = select(models.Payment).where(models.Payment.organization_id == caller.organization_id)
        order = Order(models.Payment.created_at, models.Payment.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, Payment.of)

    @strawberry.field(description="One payment, as Stripe knows it now.")
    async def payment(self, info: Info, id: PaymentId) -> Payment:
        """A payment."""
        payments, payment_id = info.context.services.payments, node_uuid(id, "Payment", "id")
        return Payment.of(await payments.payment(info.context.caller, payment_id, fresh=True))

    @strawberry.field(description="The saved cards, the one first that is charged.")
    async def payment_cards(self, info: Info) -> list[Card]:
        """The cards."""
        return [Card.of(one) for one in await info.context.services.payments.cards(info.context.caller)]

    @strawberry.field(description="How credit tops itself up; null where it does not.")
    async def auto_top_up(self, info: Info) -> AutoTopUp | None:
        """The setting."""
        setting = await info.context.services.payments.auto_top_up(info.context.caller)
        return None if setting is None else AutoTopUp.of(setting)


@strawberry.type
class PaymentsMutation:
    """Root fields of payments."""

    @strawberry.mutation(description="Begins a payment: send the customer to the page that it gives.")
    async def payment_begin(self, info: Info, cents: Cents) -> PaymentPage:
        """A page to pay on."""
        payment, page = await info.context.services.payments.top_up(info.context.caller, cents)
        return PaymentPage(payment=Payment.of(payment), url=page.url)

    @strawberry.mutation(description="The address of Stripe's page on which cards are changed.")
    async def payment_portal(self, info: Info) -> str:
        """The page."""
        return str(await info.context.services.payments.portal(info.context.caller))

    @strawberry.mutation(description="Charges the saved card from now on where credit runs low.")
    async def auto_top_up_set(self, info: Info, input: AutoTopUpInput) -> AutoTopUp:
        """The new setting."""
        info.context.caller.require_recent()
        setting = await info.context.services.payments.set_auto_top_up(
            info.context.caller, input.threshold_cents, input.cents, input.monthly_cap_cents
        )
        return AutoTopUp.of(setting)

    @strawberry.mutation(description="Charges the card no more by itself; true.")
    async def auto_top_up_stop(self, info: Info) -> bool:
        """Always true."""
        await info.context.services.payments.stop_auto_top_up(info.context.caller)
        return True
