"""Stripe's API through its SDK, which is imported on first use: it takes most of a second and much memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from skyhook.payments.errors import (
    CardDeclined,
    PaymentProviderUnavailable,
    PaymentsNotConfigured,
    RefundExceeds,
    SignatureInvalid,
)

if TYPE_CHECKING:
    from stripe import StripeClient

TOLERANCE_S = 300
"""How old a webhook may be."""
RETRIES = 2
"""Of a request, with its idempotency key, where Stripe does not answer or fails."""

T = TypeVar("T")
_log = logging.getLogger(__name__)


TAXED: Mapping[str, Any] = {
    "automatic_tax": {"enabled": True},
    "tax_id_collection": {"enabled": True},
    "customer_update": {"address": "auto", "name": "auto"},
    "billing_address_collection": "required",
}
"""What a page to pay on asks and adds where Stripe Tax is on."""


@dataclass(frozen=True, slots=True)
class Card:
    """A saved card, as far as people may see it."""

    id: str
    brand: str
    last4: str
    expires: str
    """`MM/YYYY`."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page of Stripe's to send a customer to."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a payment stands at Stripe."""

    intent: str | None
    is_paid: bool
    is_over: bool
    """Nothing can become of it any more."""
    charged: int
    """The cents of the whole page, tax included."""


@dataclass(frozen=True, slots=True)
class Tax:
    """What Stripe says that a payment is taxed with."""

    calculation: str
    cents: int


class Gateway:
    """What the platform asks of Stripe. Every method raises PaymentsNotConfigured without a secret key."""

    def __init__(
        self, secret_key: str | None, webhook_secret: str | None, url: str | None, *, with_tax: bool = False
    ) -> None:
        self.with_tax = with_tax
        """Whether Stripe Tax finds out what is to be added."""
        self._secret_key = secret_key
        self._webhook_secret = webhook_secret
        self._url = url

    @property
    def is_configured(self) -> bool:
        """Whether cards are taken."""
        return self._secret_key is not None

    @cached_property
    def client(self) -> StripeClient:
        """The SDK's client."""
        if self._secret_key is None:
            raise PaymentsNotConfigured(
                "This instance takes no cards. Ask its operator for credit, or them to set STRIPE_SECRET_KEY."
            )
        import stripe

        addresses: Any = {"api": self._url} if self._url else {}
        return stripe.StripeClient(self._secret_key, max_network_retries=RETRIES, base_addresses=addresses)

    def verified(self, body: bytes, signature: str | None) -> None:
        """Checks that a webhook is Stripe's and fresh. Raises SignatureInvalid, PaymentsNotConfigured."""
        if not self._webhook_secret:
            raise PaymentsNotConfigured(
                "This instance has no STRIPE_WEBHOOK_SECRET, so no webhook is believed."
            )
        import stripe

        try:
            stripe.WebhookSignature.verify_header(
                body.decode(), signature or "", self._webhook_secret, TOLERANCE_S
            )
        except (stripe.SignatureVerificationError, UnicodeDecodeError) as error:
            raise SignatureInvalid("The webhook's signature is missing, wrong or too old.") from error

    async def create_customer(self, organization_id: UUID, name: str, email: str | None) -> str:
        """The id of an organization's customer, made once."""
        params: Any = {"name": name, "metadata": {"organization": str(organization_id)}}
        if email:
            params["email"] = email
        options = once(f"customer-{organization_id}")
        made = await self._ask(lambda: self.client.v1.customers.create(params, options))
        return made.id

    async def checkout(
        self, customer: str, cents: int, metadata: Mapping[str, str], *, key: str, success: str, cancel: str
    ) -> Page:
        """A page on which a card is charged once, and saved where its owner agrees to that.

        With tax it asks for the customer's address and tax id, which Stripe keeps for automatic payments.
        """
        params: Any = {
            "mode": "payment",
            "customer": customer,
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "usd",
                        "unit_amount": cents,
                        "product_data": {"name": "Skyhook credit"},
                    },
                }
            ],
            "payment_intent_data": {"metadata": dict(metadata), "setup_future_usage": "off_session"},
            "metadata": dict(metadata),
            "success_url": success,
            "cancel_url": cancel,
        }
        if self.with_tax:
            params["line_items"][0]["price_data"]["tax_behavior"] = "exclusive"
            params |= TAXED
        made = await self._ask(lambda: self.client.v1.checkout.sessions.create(params, once(key)))
        return Page(made.id, made.url or success)

    async def portal(self, customer: str, back: str) -> str:
        """The address at which a customer changes cards."""
        params: Any = {"customer": customer, "return_url": back}
        return (await self._ask(lambda: self.client.v1.billing_portal.sessions.create(params))).url

    async def cards(self, customer: str) -> list[Card]:
        """The saved cards, the one that is charged first."""

        def ask() -> list[Card]:
            chosen = self.client.v1.customers.retrieve(customer).invoice_settings
            default = chosen.default_payment_method if chosen else None
            methods = self.client.v1.payment_methods.list({"customer": customer, "type": "card"}).data
            methods.sort(key=lambda method: method.id != default)
            return [
                Card(one.id, one.card.brand, one.card.last4, f"{one.card.exp_month:02}/{one.card.exp_year}")
                for one in methods
                if one.card
            ]

        return await self._ask(ask)

    async def tax(self, customer: str, cents: int, *, key: str) -> Tax:
        """What is added to a payment of so many cents, by the address that Stripe has of the customer."""
        line = {"amount": cents, "reference": "Skyhook credit", "tax_behavior": "exclusive"}
        params: Any = {"currency": "usd", "customer": customer, "line_items": [line]}
        made = await self._ask(lambda: self.client.v1.tax.calculations.create(params, once(key)))
        return Tax(made.id or "", made.tax_amount_exclusive)

    async def charge(
        self,
        customer: str,
        card: str,
        cents: int,
        metadata: Mapping[str, str],
        *,
        key: str,
        calculation: str | None = None,
    ) -> str:
        """Charges a saved card without its owner; the payment intent's id. Raises CardDeclined.

        `calculation` is that of the tax within the cents, which Stripe then reports.
        """
        params: Any = {
            "amount": cents,
            "currency": "usd",
            "customer": customer,
            "payment_method": card,
            "off_session": True,
            "confirm": True,
            "description": "Skyhook credit",
            "metadata": dict(metadata),
        }
        if calculation is not None:
            params["hooks"] = {"inputs": {"tax": {"calculation": calculation}}}
        made = await self._ask(lambda: self.client.v1.payment_intents.create(params, once(key)))
        if made.status != "succeeded":
            raise CardDeclined("The card's bank wants to ask its owner. Pay on Stripe's page instead.")
        return made.id

    async def charged(self, customer: str, payment_id: str, since: datetime) -> str | None:
        """The payment intent by which a payment was made already, found by its metadata."""
        params: Any = {"customer": customer, "created": {"gte": int(since.timestamp()) - 60}, "limit": 100}

        def ask() -> str | None:
            for one in self.client.v1.payment_intents.list(params).auto_paging_iter():
                if one.status == "succeeded" and one.metadata.to_dict().get("payment") == payment_id:
                    return one.id
            return None

        return await self._ask(ask)

    async def standing(self, session: str) -> Standing:
        """What became of a page to pay on."""
        found = await self._ask(lambda: self.client.v1.checkout.sessions.retrieve(session))
        intent = found.payment_intent if isinstance(found.payment_intent, str) else None
        return Standing(
            intent, found.payment_status == "paid", found.status == "expired", found.amount_total or 0
        )

    async def refund(self, intent: str, cents: int, *, key: str) -> tuple[str, int]:
        """Gives a part of a payment back to its card; the refund's id and cents. Raises RefundExceeds."""
        params: Any = {"payment_intent": intent, "amount": cents}
        made = await self._ask(lambda: self.client.v1.refunds.create(params, once(key)))
        return made.id, made.amount

    async def report_usage(self, event: str, customer: str, quantity: int, at: datetime, *, key: str) -> None:
        """Adds to a meter of Stripe's, once for each key: Stripe knows it for a day at least."""
        params: Any = {
            "event_name": event,
            "identifier": key,
            "timestamp": int(at.timestamp()),
            "payload": {"stripe_customer_id": customer, "value": str(quantity)},
        }

        def ask() -> None:
            import stripe

            try:
                self.client.v1.billing.meter_events.create(params)
            except stripe.InvalidRequestError as error:
                if error.code != "duplicate_meter_event":
                    raise

        await self._ask(ask)

    async def _ask(self, work: Callable[[], T]) -> T:
        """Does a request in a thread, and says what failed in the platform's own errors."""
        self.client  # noqa: B018 - so that what is not configured is not taken for a failure of Stripe's
        import stripe

        try:
            return await asyncio.to_thread(work)
        except stripe.CardError as error:
            raise CardDeclined(_why(error)) from error
        except stripe.InvalidRequestError as error:
            if error.code == "customer_tax_location_invalid":
                raise CardDeclined(
                    "Stripe needs an address to tell the tax. Pay once on Stripe's page, which asks for it."
                ) from error
            if error.param == "payment_method":
                raise CardDeclined("The saved card cannot be used any more. Use another card.") from error
            if error.code in {"charge_already_refunded", "charge_disputed"} or "unrefunded amount" in str(
                error
            ):
                raise RefundExceeds(f"Stripe refuses the refund: {error.user_message}") from error
            _log.error("Stripe refuses a request: %s", error)
            raise PaymentProviderUnavailable("Stripe refuses this. Tell the operator.") from error
        except stripe.StripeError as error:
            _log.error("Stripe does not answer: %s", error)
            raise PaymentProviderUnavailable(
                "Stripe cannot be reached now. Try again in a minute."
            ) from error


def once(key: str) -> Any:
    return {"idempotency_key": key}


def _why(error: Any) -> str:
    """A declined charge in words for its customer."""
    if error.code == "authentication_required":
        return "The card's bank wants to ask its owner. Pay on Stripe's page instead."
    return f"{error.user_message or 'The card was declined.'} Use another card, or ask its bank."
