"""Whether Stripe's account is set up for this instance, and whether both sides' books agree."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from skyhook.database import Database
from skyhook.payments.events import HANDLERS
from skyhook.payments.gateway import Gateway
from skyhook.payments.models import Payment, PaymentState

PATH = "/webhooks/stripe"


def checkup(gateway: Gateway, address: str, *, has_secret: bool) -> list[tuple[bool, str]]:
    """What is right and what is missing, each in a sentence; asks Stripe. Raises PaymentsNotConfigured."""
    v1 = gateway.client.v1
    account = v1.accounts.retrieve_current()
    inactive = "the account cannot take payments yet: finish its activation in Stripe's dashboard"
    found = [
        (bool(account.charges_enabled), "the account takes payments" if account.charges_enabled else inactive)
    ]
    endpoints = [one for one in v1.webhook_endpoints.list({"limit": 100}).data if one.url == address + PATH]
    if not endpoints:
        found.append((False, f"no webhook endpoint sends to {address}{PATH}: add one in Stripe's dashboard"))
    for endpoint in endpoints:
        kinds = set(endpoint.enabled_events)
        missing = [] if "*" in kinds else sorted(set(HANDLERS) - kinds)
        problem = f"the webhook endpoint does not send {', '.join(missing)}"
        found.append(
            (not missing, "the webhook endpoint sends all that is needed" if not missing else problem)
        )
        is_on = endpoint.status == "enabled"
        found.append((is_on, f"the webhook endpoint is {'on' if is_on else 'off: turn it on'}"))
    unset = "STRIPE_WEBHOOK_SECRET is not set: no webhook is believed"
    found.append((has_secret, "STRIPE_WEBHOOK_SECRET is set" if has_secret else unset))
    portal = v1.billing_portal.configurations.list({"limit": 1, "active": True}).data
    unsaved = "the customer portal is not set up: save its settings in Stripe's dashboard"
    found.append((bool(portal), "the customer portal is set up" if portal else unsaved))
    return found


async def differences(database: Database, gateway: Gateway) -> list[str]:
    """What Stripe and the payments here disagree about, a sentence each. Reads everything."""
    async with database.read() as session:
        every = (await session.scalars(select(Payment))).all()
    ours = {str(payment.id): payment for payment in every}
    since = int(min((one.created_at for one in every), default=datetime.now(UTC)).timestamp()) - 86_400
    theirs = await asyncio.to_thread(_paid_since, gateway, since)
    found = []
    for name, intent in theirs.items():
        payment = ours.pop(name, None)
        if payment is None:
            found.append(f"{intent.id} was paid for a payment that is not here: {name}")
        elif payment.state != PaymentState.PAID:
            found.append(f"{intent.id} was paid, and payment {name} is {payment.state}")
        else:
            if payment.amount != intent.amount_received:
                found.append(f"payment {name}: {payment.amount} cents here, {intent.amount_received} there")
            refunded = getattr(intent.latest_charge, "amount_refunded", 0)
            disputed = getattr(intent.latest_charge, "disputed", False)
            if not disputed and payment.taken_back != refunded:
                found.append(
                    f"payment {name}: {payment.taken_back} cents taken back, {refunded} refunded there"
                )
    found += [
        f"payment {name} is paid here and not at Stripe"
        for name, payment in ours.items()
        if payment.state == PaymentState.PAID
    ]
    return found


def _paid_since(gateway: Gateway, since: int) -> dict[str, Any]:
    """Stripe's payment intents that were paid, by the payment that they name."""
    params: Any = {"created": {"gte": since}, "limit": 100, "expand": ["data.latest_charge"]}
    return {
        name: intent
        for intent in gateway.client.v1.payment_intents.list(params).auto_paging_iter()
        if intent.status == "succeeded" and (name := intent.metadata.to_dict().get("payment"))
    }
