"""Whether Stripe's account is set up for this instance, and whether both sides' books agree."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from skyhook.clock import now
from skyhook.database import Database
from skyhook.payments import meters as usage_meters
from skyhook.payments.events import KINDS
from skyhook.payments.gateway import Gateway
from skyhook.payments.models import Payment, PaymentKind, PaymentState
from skyhook.plugins.manifest import Meter

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
        missing = [] if "*" in kinds else sorted(KINDS - kinds)
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


async def checkup_of_meters(
    database: Database, gateway: Gateway, meters: Sequence[Meter], *, creates: bool
) -> list[tuple[bool, str]]:
    """As `checkup`, of the meters that usage is reported to; with `creates`, those missing are made."""
    missing = await asyncio.to_thread(usage_meters.missing, gateway, meters)
    if missing and creates:
        await asyncio.to_thread(usage_meters.create, gateway, missing)
    names = ", ".join(usage_meters.event_name(meter.name) for meter in missing)
    if not missing:
        found = [(True, "Stripe has every meter of usage")]
    elif creates:
        found = [(True, f"these meters of usage were made: {names}")]
    else:
        how = "make them with `skyhook billing stripe-check --create`"
        found = [(False, f"Stripe has no active meter for {names}; {how}")]
    waiting, late = await usage_meters.unsent(database, now)
    if late:
        found.append((False, f"{late} reports of usage are older than 34 days, which Stripe does not take"))
    found.append((True, f"{waiting - late} reports of usage wait to be sent"))
    return found


async def differences(database: Database, gateway: Gateway) -> list[str]:
    """What Stripe and the payments here disagree about, a sentence each. Reads everything."""
    async with database.read() as session:
        every = (await session.scalars(select(Payment))).all()
    ours = {str(payment.id): payment for payment in every}
    named = {one.intent: str(one.id) for one in every if one.kind == PaymentKind.SUBSCRIPTION}
    since = int(min((one.created_at for one in every), default=datetime.now(UTC)).timestamp()) - 86_400
    theirs = await asyncio.to_thread(_paid_since, gateway, since, named)
    found = []
    for name, intent in theirs.items():
        payment = ours.pop(name, None)
        if payment is None:
            found.append(f"{intent.id} was paid for a payment that is not here: {name}")
        elif payment.state != PaymentState.PAID:
            found.append(f"{intent.id} was paid, and payment {name} is {payment.state}")
        else:
            charged, taken_back = payment.amount + payment.tax, payment.taken_back + payment.taken_back_tax
            if charged != intent.amount_received:
                found.append(f"payment {name}: {charged} cents here, {intent.amount_received} there")
            refunded = getattr(intent.latest_charge, "amount_refunded", 0)
            disputed = getattr(intent.latest_charge, "disputed", False)
            if not disputed and taken_back != refunded:
                found.append(f"payment {name}: {taken_back} cents taken back, {refunded} refunded there")
    found += [
        f"payment {name} is paid here and not at Stripe"
        for name, payment in ours.items()
        if payment.state == PaymentState.PAID and (payment.intent or payment.kind != PaymentKind.SUBSCRIPTION)
    ]
    return found


def _paid_since(gateway: Gateway, since: int, of_plans: Mapping[str | None, str]) -> dict[str, Any]:
    """Stripe's payment intents that were paid, by our payment: they name it, but for those of plans."""
    params: Any = {"created": {"gte": since}, "limit": 100, "expand": ["data.latest_charge"]}
    return {
        name: intent
        for intent in gateway.client.v1.payment_intents.list(params).auto_paging_iter()
        if intent.status == "succeeded"
        and (name := intent.metadata.to_dict().get("payment") or of_plans.get(intent.id))
    }
