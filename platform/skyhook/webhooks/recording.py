"""What an attempt changes: its row, its delivery, and an endpoint that has failed too long."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts import audit
from skyhook.operations.caller import Caller
from skyhook.retries import next_attempt
from skyhook.webhooks.claims import Claim
from skyhook.webhooks.events import TEST
from skyhook.webhooks.models import (
    DeliveryState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
)
from skyhook.webhooks.retry_after import parse_retry_after
from skyhook.webhooks.sending import Outcome

GIVE_UP_AFTER = timedelta(days=5)
"""An endpoint that has taken nothing for so long is turned off at its next failure."""
KEPT = timedelta(days=30)
"""How long events, deliveries and attempts are kept."""
_GONE = 410
_SWEPT_AT_ONCE = 500


async def record(
    session: AsyncSession, claim: Claim, claimant: UUID, outcome: Outcome, at: datetime
) -> WebhookAttempt | None:
    """Writes down an attempt; None where its endpoint or its event has been deleted meanwhile.

    An attempt whose claim was taken over meanwhile counts if it succeeded: the endpoint has the event.
    """
    # The endpoint before its deliveries, as all do who lock both.
    endpoint = await lock_endpoint(session, claim.endpoint_id)
    delivery = await session.get(WebhookDelivery, claim.delivery_id, with_for_update=True)
    if endpoint is None or delivery is None:
        return None
    attempt = WebhookAttempt(
        delivery_id=delivery.id,
        at=at,
        status_code=outcome.status_code,
        error_code=outcome.error,
        duration_ms=outcome.duration_ms,
        answer=outcome.answer,
    )
    session.add(attempt)
    if outcome.error is None:
        delivery.attempts += 1
        endpoint.failing_since = None
        _finish(delivery, DeliveryState.DELIVERED)
    elif delivery.claimed_by == claimant:
        delivery.attempts += 1
        if claim.event_type == TEST:
            _finish(delivery, DeliveryState.FAILED)
        else:
            await _fail(session, endpoint, delivery, outcome, at)
    return attempt


async def lock_endpoint(session: AsyncSession, endpoint_id: UUID) -> WebhookEndpoint | None:
    """The endpoint for changing it, or its deliveries; events go on to be published to it."""
    query = select(WebhookEndpoint).where(WebhookEndpoint.id == endpoint_id)
    return (await session.scalars(query.with_for_update(key_share=True))).one_or_none()


async def _fail(
    session: AsyncSession,
    endpoint: WebhookEndpoint,
    delivery: WebhookDelivery,
    outcome: Outcome,
    at: datetime,
) -> None:
    retry_at = next_attempt(delivery.attempts, at, parse_retry_after(outcome.retry_after, at))
    if retry_at is None:
        _finish(delivery, DeliveryState.FAILED)
    else:
        delivery.next_attempt_at = retry_at
        delivery.claimed_by = delivery.claimed_until = None
    endpoint.failing_since = endpoint.failing_since or at
    if outcome.status_code == _GONE:
        await _turn_off(session, endpoint, "The endpoint answered 410 Gone.")
    elif at - endpoint.failing_since >= GIVE_UP_AFTER:
        await _turn_off(session, endpoint, f"Every delivery failed for {GIVE_UP_AFTER.days} days.")


def _finish(delivery: WebhookDelivery, state: DeliveryState) -> None:
    delivery.state = state
    delivery.claimed_by = delivery.claimed_until = None


async def _turn_off(session: AsyncSession, endpoint: WebhookEndpoint, reason: str) -> None:
    if endpoint.enabled:
        endpoint.enabled = False
        endpoint.disabled_reason = reason
        server = Caller(endpoint.organization_id, None, None, frozenset())
        audit.record(session, server, "webhook_endpoint.disabled", endpoint.id, reason=reason)
    await give_up_pending(session, endpoint.id)


async def give_up_pending(session: AsyncSession, endpoint_id: UUID) -> None:
    """Ends what waits for an endpoint that was turned off; a replay sends it."""
    await session.flush()
    await session.execute(
        update(WebhookDelivery)
        .where(WebhookDelivery.endpoint_id == endpoint_id, WebhookDelivery.state == DeliveryState.PENDING)
        .values(state=DeliveryState.FAILED, claimed_by=None, claimed_until=None)
    )


async def sweep(session: AsyncSession, at: datetime) -> bool:
    """Deletes expired secrets and some events that were kept long enough; whether there may be more."""
    old = (
        select(WebhookEvent.id)
        .where(WebhookEvent.created_at <= at - KEPT)
        .order_by(WebhookEvent.created_at)
        .limit(_SWEPT_AT_ONCE)
        .with_for_update(skip_locked=True)
    )
    ids = list(await session.scalars(old))
    await session.execute(delete(WebhookEvent).where(WebhookEvent.id.in_(ids)))
    await session.execute(delete(WebhookSecret).where(WebhookSecret.expires_at <= at))
    return len(ids) == _SWEPT_AT_ONCE
