"""What the platform asks of Stripe for plans and subscriptions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from skyhook.payments.gateway import TAXED, Gateway, Page, once
from skyhook.payments.plan_models import SubscriptionState

INVOICES = 20
"""How many of a customer's newest paid invoices are looked at."""
_STATES = {
    "active": SubscriptionState.ACTIVE,
    "trialing": SubscriptionState.ACTIVE,
    "past_due": SubscriptionState.PAST_DUE,
    "unpaid": SubscriptionState.UNPAID,
    "paused": SubscriptionState.UNPAID,
    "canceled": SubscriptionState.CANCELED,
    "incomplete_expired": SubscriptionState.CANCELED,
}
"""An incomplete one is not among them: its first payment was not made."""


@dataclass(frozen=True, slots=True)
class SeenSubscription:
    """A subscription as Stripe has it now."""

    id: str
    state: SubscriptionState
    created: int
    item: str
    price: str
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool
    card: str | None
    """The saved card that it is paid with, where it has one of its own."""
    unpaid_invoice: str | None
    pay_at: str | None
    was_not_paid: bool
    """It was canceled since no payment came."""


@dataclass(frozen=True, slots=True)
class SeenLine:
    """A line of an invoice: a month of a price, or a part of one; below zero for what goes unused."""

    price: str | None
    cents: int
    end: datetime


@dataclass(frozen=True, slots=True)
class SeenInvoice:
    """A paid invoice."""

    id: str
    subscription: str | None
    created: datetime
    cents: int
    """What was paid by card, tax included."""
    tax: int
    """Of these, the tax."""
    lines: Sequence[SeenLine]


@dataclass(frozen=True, slots=True)
class Seen:
    """All that Stripe says of a customer at one time, newest first."""

    subscriptions: Sequence[SeenSubscription]
    invoices: Sequence[SeenInvoice]


class PlanGateway(Gateway):
    """The gateway with what plans need. Every method raises PaymentsNotConfigured without a secret key."""

    async def plan_price(self, name: str, title: str, cents: int, product: str | None) -> tuple[str, str]:
        """The ids of a plan's product and of its monthly price, each made where there is none."""
        lookup_key = f"skyhook-{name}"

        def ask() -> tuple[str, str]:
            v1 = self.client.v1
            found = product
            for one in v1.prices.list({"lookup_keys": [lookup_key], "limit": 1}).data:
                found = found or str(one.product)
                if one.unit_amount == cents and one.product == found and one.active:
                    return found, one.id
            if found is None:
                new: Any = {"name": title, "metadata": {"plan": name}}
                found = v1.products.create(new, once(f"plan-product-{name}")).id
            price: Any = {
                "product": found,
                "currency": "usd",
                "unit_amount": cents,
                "tax_behavior": "exclusive",
                "recurring": {"interval": "month"},
                "nickname": title,
                "lookup_key": lookup_key,
                "transfer_lookup_key": True,
                "metadata": {"plan": name},
            }
            return found, v1.prices.create(price, once(f"plan-price-{name}-{found}-{cents}-{title}")).id

        return await self._ask(ask)

    async def rename_product(self, product: str, title: str) -> None:
        """Gives a plan's product the name that customers see on Stripe's pages."""
        await self._ask(lambda: self.client.v1.products.update(product, {"name": title}))

    async def subscribe(
        self, customer: str, price: str, metadata: Mapping[str, str], *, key: str, success: str, cancel: str
    ) -> Page:
        """A page on which a subscription is begun with a card."""
        params: Any = {
            "mode": "subscription",
            "customer": customer,
            "line_items": [{"price": price, "quantity": 1}],
            "subscription_data": {"metadata": dict(metadata)},
            "metadata": dict(metadata),
            "success_url": success,
            "cancel_url": cancel,
        }
        if self.with_tax:
            params |= TAXED
        made = await self._ask(lambda: self.client.v1.checkout.sessions.create(params, once(key)))
        return Page(made.id, made.url or success)

    async def close_page(self, session: str) -> bool:
        """Makes a page of Stripe's unusable; whether nobody has paid on it."""

        def ask() -> bool:
            sessions = self.client.v1.checkout.sessions
            status = sessions.retrieve(session).status
            if status == "open":
                status = sessions.expire(session).status
            return status == "expired"

        return await self._ask(ask)

    async def look(self, customer: str) -> Seen:
        """The customer's subscriptions and paid invoices as they are now."""

        def ask() -> Seen:
            v1 = self.client.v1
            every: Any = {
                "customer": customer, "status": "all", "limit": 100, "expand": ["data.latest_invoice"],
            }  # fmt: skip
            paid: Any = {"customer": customer, "status": "paid", "limit": INVOICES}
            invoices = [invoice_of(one) for one in v1.invoices.list(paid).data]
            # The subscriptions last: an invoice that is paid between the two is seen at the next look.
            subscriptions = [
                _subscription(one) for one in v1.subscriptions.list(every).data if one.status in _STATES
            ]
            return Seen(subscriptions, invoices)

        return await self._ask(ask)

    async def intent_of(self, invoice: str) -> str | None:
        """The payment intent by which an invoice was paid; None where no card was charged."""

        def ask() -> str | None:
            params: Any = {"invoice": invoice, "status": "paid", "limit": 10}
            for one in self.client.v1.invoice_payments.list(params).data:
                if one.payment.payment_intent is not None:
                    return str(one.payment.payment_intent)
            return None

        return await self._ask(ask)

    async def set_price(
        self, subscription: str, item: str, price: str, *, is_at_once: bool, key: str
    ) -> None:
        """Puts a subscription on another price: at once, and paid in proportion; else from its next period.

        Raises CardDeclined, and changes nothing then.
        """
        params: Any = {
            "items": [{"id": item, "price": price}],
            "proration_behavior": "always_invoice" if is_at_once else "none",
        }
        if is_at_once:
            params["payment_behavior"] = "error_if_incomplete"
        await self._ask(lambda: self.client.v1.subscriptions.update(subscription, params, once(key)))

    async def set_cancel(self, subscription: str, *, is_canceled: bool, key: str) -> None:
        """Lets a subscription end with its period, or go on."""
        params: Any = {"cancel_at_period_end": is_canceled}
        await self._ask(lambda: self.client.v1.subscriptions.update(subscription, params, once(key)))

    async def end(self, subscription: str, *, key: str) -> None:
        """Ends a subscription now."""
        await self._ask(lambda: self.client.v1.subscriptions.cancel(subscription, {}, once(key)))


def _subscription(one: Any) -> SeenSubscription:
    (item, *_) = one["items"]["data"]
    invoice = one["latest_invoice"]
    is_open = invoice is not None and invoice["status"] in {"open", "uncollectible"}
    details = getattr(one, "cancellation_details", None)
    return SeenSubscription(
        id=one["id"],
        state=_STATES[one["status"]],
        created=one["created"],
        item=item["id"],
        price=item["price"]["id"],
        period_start=datetime.fromtimestamp(item["current_period_start"], UTC),
        period_end=datetime.fromtimestamp(item["current_period_end"], UTC),
        cancel_at_period_end=one["cancel_at_period_end"],
        card=one["default_payment_method"],
        unpaid_invoice=invoice["id"] if is_open else None,
        pay_at=invoice["hosted_invoice_url"] if is_open else None,
        was_not_paid=details is not None and details["reason"] == "payment_failed",
    )


def invoice_of(one: Any) -> SeenInvoice:
    """An invoice of the SDK's as it is looked at here."""
    parent = one["parent"]
    details = parent["subscription_details"] if parent is not None else None
    return SeenInvoice(
        id=one["id"],
        subscription=details["subscription"] if details is not None else None,
        created=datetime.fromtimestamp(one["created"], UTC),
        cents=one["amount_paid"],
        tax=_tax_of(one),
        lines=[
            SeenLine(_price_of(line), line["amount"], datetime.fromtimestamp(line["period"]["end"], UTC))
            for line in one["lines"]["data"]
        ],
    )


def _tax_of(one: Any) -> int:
    untaxed = one["total_excluding_tax"]
    return 0 if untaxed is None else min(one["total"] - untaxed, one["amount_paid"])


def _price_of(line: Any) -> str | None:
    pricing = line["pricing"]
    details = pricing["price_details"] if pricing is not None else None
    return str(details["price"]) if details is not None else None
