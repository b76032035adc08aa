"""What each event of Stripe's means here. Events come twice and in any order; the end is the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.payments import payments
from skyhook.payments.plan_models import Subscription

Subject = Mapping[str, Any]
Handler = Callable[[AsyncSession, Subject], Awaitable[object]]


async def handle(session: AsyncSession, kind: str, subject: Subject) -> None:
    """Applies an event's object; a kind that means nothing here is left alone."""
    if (handler := HANDLERS.get(kind)) is not None:
        await handler(session, subject)


async def _session_completed(session: AsyncSession, subject: Subject) -> None:
    payment_id = _payment_id(subject)
    if payment_id is not None and subject["payment_status"] == "paid" and subject["payment_intent"]:
        await payments.apply_paid(session, payment_id, subject["payment_intent"], subject["amount_total"])


async def _session_expired(session: AsyncSession, subject: Subject) -> None:
    if (payment_id := _payment_id(subject)) is not None:
        await payments.apply_expired(session, payment_id)
    closed = update(Subscription).where(Subscription.session == subject["id"])
    await session.execute(closed.values(session=None))


async def _intent_succeeded(session: AsyncSession, subject: Subject) -> None:
    if (payment_id := _payment_id(subject)) is not None:
        await payments.apply_paid(session, payment_id, subject["id"], subject["amount_received"])


async def _intent_failed(session: AsyncSession, subject: Subject) -> None:
    if (payment_id := _payment_id(subject)) is not None:
        error = subject.get("last_payment_error") or {}
        why = f"{error.get('message') or 'The card was declined.'} Use another card, then turn it on again."
        await payments.apply_failed(session, payment_id, why)


async def _refund(session: AsyncSession, subject: Subject) -> None:
    if subject["payment_intent"]:
        undone = subject["status"] in {"failed", "canceled"}
        await payments.apply_reversal(
            session, subject["id"], subject["payment_intent"], subject["amount"], undone=undone
        )


async def _dispute(session: AsyncSession, subject: Subject) -> None:
    if subject["payment_intent"] and not subject["status"].startswith("warning"):
        undone = subject["status"] == "won"
        await payments.apply_reversal(
            session, subject["id"], subject["payment_intent"], subject["amount"], undone=undone
        )


def _payment_id(subject: Subject) -> UUID | None:
    """The payment that an object names in its metadata; others of the account are not ours."""
    try:
        return UUID((subject.get("metadata") or {}).get("payment", ""))
    except ValueError:
        return None


HANDLERS: Mapping[str, Handler] = {
    "checkout.session.completed": _session_completed,
    "checkout.session.async_payment_succeeded": _session_completed,
    "checkout.session.expired": _session_expired,
    "payment_intent.succeeded": _intent_succeeded,
    "payment_intent.payment_failed": _intent_failed,
    "refund.created": _refund,
    "refund.updated": _refund,
    "refund.failed": _refund,
    "charge.dispute.created": _dispute,
    "charge.dispute.closed": _dispute,
    "charge.dispute.funds_reinstated": _dispute,
}

FOLLOWED = frozenset(
    {
        "customer.subscription.created",
        "customer.subscription.deleted",
        "customer.subscription.updated",
        "invoice.paid",
        "invoice.payment_failed",
        "invoice.voided",
    }
)
"""Kinds of which only the customer is taken: Stripe is then asked how their subscription stands now."""
KINDS = frozenset(HANDLERS) | FOLLOWED
"""The kinds that a webhook endpoint of Stripe's must send."""
