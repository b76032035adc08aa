"""Whether plans are at Stripe as they are here, and whether every paid month is on both sides."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import select

from skyhook.database import Database
from skyhook.payments.gateway import Gateway
from skyhook.payments.models import Payment, PaymentKind
from skyhook.payments.plan_gateway import invoice_of
from skyhook.payments.plan_models import Plan, PlanPrice


def plan_checkup(gateway: Gateway, plans: Sequence[Plan]) -> list[tuple[bool, str]]:
    """Whether customers can choose each offered plan, a sentence each; asks Stripe."""
    found = []
    for plan in plans:
        price = gateway.client.v1.prices.retrieve(plan.stripe_price)
        is_right = bool(price.active) and price.unit_amount == plan.price
        wrong = f"the price of the plan {plan.name} is not active at Stripe: run `skyhook plans set` again"
        found.append((is_right, f"the plan {plan.name} can be chosen" if is_right else wrong))
    return found


async def plan_differences(database: Database, gateway: Gateway) -> list[str]:
    """What Stripe and the payments of plans here disagree about, a sentence each. Reads everything."""
    async with database.read() as session:
        prices = set(await session.scalars(select(PlanPrice.stripe_id)))
        first = await session.scalar(select(PlanPrice.created_at).order_by(PlanPrice.created_at).limit(1))
        rows = await session.execute(
            select(Payment.invoice, Payment.amount + Payment.tax).where(
                Payment.kind == PaymentKind.SUBSCRIPTION
            )
        )
        ours = dict(rows.all())
    if not prices:
        return []
    since = int((first or datetime.now(UTC)).timestamp()) - 86_400
    asked: Any = {"status": "paid", "created": {"gte": since}, "limit": 100}
    found = []
    paid = await asyncio.to_thread(lambda: list(gateway.client.v1.invoices.list(asked).auto_paging_iter()))
    for invoice in map(invoice_of, paid):
        if invoice.cents == 0 or not any(line.price in prices for line in invoice.lines):
            continue
        amount = ours.pop(invoice.id, None)
        if amount is None:
            found.append(f"{invoice.id} was paid for a plan and is not here")
        elif amount != invoice.cents:
            found.append(f"{invoice.id}: {amount} cents here, {invoice.cents} there")
    return found + [f"{invoice} is paid here and not at Stripe" for invoice in ours]
