"""The events that an endpoint can ask for, and the body that carries one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec

from skyhook.webhooks.errors import WebhookEventTypeUnknown

JOB_COMPLETED = "job.completed"
JOB_FAILED = "job.failed"
JOB_CANCELLED = "job.cancelled"
BILLING_ALERT = "billing.alert"
TEST = "webhook.test"

EVENT_TYPES = {
    JOB_COMPLETED: "A job ended with its result.",
    JOB_FAILED: "A job ended with an error.",
    JOB_CANCELLED: "A job was cancelled.",
    BILLING_ALERT: "A spending alert fired: what was spent in the month, or low credit.",
    TEST: "Sent by the mutation webhookTest to one endpoint.",
}
"""Every type of event, by its name."""


def known_types(types: Iterable[str], field: str) -> list[str]:
    """The types in their order, each once. Raises WebhookEventTypeUnknown, which names the field."""
    wanted = sorted(set(types))
    unknown = [type for type in wanted if type not in EVENT_TYPES]
    if unknown:
        raise WebhookEventTypeUnknown(
            f"There is no event type {unknown[0]!r}. Known: {', '.join(EVENT_TYPES)}.", field=field
        )
    return wanted


def body_of(type: str, at: datetime, data: Mapping[str, Any]) -> bytes:
    """The body of a webhook, as Standard Webhooks lays it out: `type`, `timestamp` and `data`."""
    timestamp = at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return msgspec.json.encode({"type": type, "timestamp": timestamp, "data": data})


def webhook_id(event_id: UUID) -> str:
    """The header `webhook-id` of every delivery of an event: what a receiver tells repeats by."""
    return f"evt_{event_id.hex}"
