"""The outbox: an event and its deliveries, written in the transaction of what they tell of."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, insert, select
from sqlalchemy.dialects import postgresql, sqlite

from skyhook.clock import new_id
from skyhook.webhooks.events import EVENT_TYPES, body_of
from skyhook.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookEvent

_ENDPOINTS = WebhookEndpoint.metadata.tables[WebhookEndpoint.__tablename__]
_EVENTS = WebhookEvent.metadata.tables[WebhookEvent.__tablename__]
_DELIVERIES = WebhookDelivery.metadata.tables[WebhookDelivery.__tablename__]


def publish(
    connection: Connection,
    organization_id: UUID,
    type: str,
    data: Mapping[str, Any],
    *,
    key: str,
    at: datetime,
) -> UUID | None:
    """Writes an event and its deliveries; its id, or that of the event that has the key already.

    None, and nothing is written, where no endpoint of the organization wants it. An endpoint that is off
    gets a failed delivery, which a replay sends. Raises ValueError for an unknown type.
    """
    if type not in EVENT_TYPES:
        raise ValueError(f"{type!r} is not in EVENT_TYPES")
    # Locked, so that an endpoint that is deleted now cannot make the caller's transaction fail.
    endpoints = connection.execute(
        select(_ENDPOINTS.c.id, _ENDPOINTS.c.event_types, _ENDPOINTS.c.enabled)
        .where(_ENDPOINTS.c.organization_id == organization_id)
        .order_by(_ENDPOINTS.c.id)
        .with_for_update(read=True, key_share=True)
    )
    wanting = [endpoint for endpoint in endpoints if not endpoint.event_types or type in endpoint.event_types]
    if not wanting:
        return None
    event_id: UUID = new_id()
    row = {
        "id": event_id,
        "organization_id": organization_id,
        "type": type,
        "key": key,
        "body": body_of(type, at, data),
        "created_at": at,
    }
    dialect = sqlite if connection.dialect.name == "sqlite" else postgresql
    stored = connection.execute(
        dialect.insert(_EVENTS).values(row).on_conflict_do_nothing().returning(_EVENTS.c.id)
    ).scalar()
    if stored is None:
        first = select(_EVENTS.c.id).where(_EVENTS.c.organization_id == organization_id, _EVENTS.c.key == key)
        event_id = connection.execute(first).scalar_one()
        return event_id
    connection.execute(
        insert(_DELIVERIES),
        [
            {
                "id": new_id(),
                "event_id": event_id,
                "endpoint_id": endpoint.id,
                "organization_id": organization_id,
                "state": DeliveryState.PENDING if endpoint.enabled else DeliveryState.FAILED,
                "next_attempt_at": at,
                "created_at": at,
            }
            for endpoint in wanting
        ],
    )
    return event_id
