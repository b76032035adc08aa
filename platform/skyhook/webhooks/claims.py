"""Claims: which due deliveries this process sends now, so that no other one does at the same time.

A claim ends with the attempt, or expires: what a killed process had claimed is taken over then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from skyhook.webhooks.models import (
    DeliveryState,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
    WebhookSecret,
)

CLAIM = timedelta(seconds=30)
"""How long a claim lives; an attempt with all its writing takes less."""
AT_ONCE = 64
"""Requests of one process at a time."""
AT_ONCE_ORGANIZATION = 16
"""Of these, to endpoints of one organization."""
AT_ONCE_ENDPOINT = 4
"""Of these, to one endpoint: one that hangs holds back itself alone."""

_DELIVERIES = WebhookDelivery.metadata.tables[WebhookDelivery.__tablename__]
_ENDPOINTS = WebhookEndpoint.metadata.tables[WebhookEndpoint.__tablename__]
_EVENTS = WebhookEvent.metadata.tables[WebhookEvent.__tablename__]
_SECRETS = WebhookSecret.metadata.tables[WebhookSecret.__tablename__]


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process sends, with all that takes."""

    delivery_id: UUID
    endpoint_id: UUID
    organization_id: UUID
    event_id: UUID
    event_type: str
    body: bytes
    url: str
    enabled: bool
    secrets: Sequence[bytes]
    """Encrypted, the newest first."""


class Busy:
    """What this process is sending: how many more requests may begin, and to whom none may."""

    def __init__(self) -> None:
        self._endpoints: Counter[UUID] = Counter()
        self._organizations: Counter[UUID] = Counter()

    def copy(self) -> Busy:
        """The same, for another thread."""
        copied = Busy()
        copied._endpoints, copied._organizations = self._endpoints.copy(), self._organizations.copy()
        return copied

    @property
    def free(self) -> int:
        """How many more requests may begin."""
        return AT_ONCE - self._endpoints.total()

    def allows(self, endpoint_id: UUID, organization_id: UUID) -> bool:
        """Whether a request may begin."""
        return (
            self.free > 0
            and self._endpoints[endpoint_id] < AT_ONCE_ENDPOINT
            and self._organizations[organization_id] < AT_ONCE_ORGANIZATION
        )

    def add(self, endpoint_id: UUID, organization_id: UUID) -> None:
        """Counts a request in."""
        self._endpoints[endpoint_id] += 1
        self._organizations[organization_id] += 1

    def remove(self, endpoint_id: UUID, organization_id: UUID) -> None:
        """Counts a request out."""
        for counter, one in ((self._endpoints, endpoint_id), (self._organizations, organization_id)):
            counter[one] -= 1
            if counter[one] == 0:
                del counter[one]

    def may_begin(self) -> list[ColumnElement[bool]]:
        """That a delivery's endpoint and organization are not at their limits."""
        return [
            column.not_in([one for one, count in counter.items() if count >= limit])
            for column, counter, limit in (
                (_DELIVERIES.c.endpoint_id, self._endpoints, AT_ONCE_ENDPOINT),
                (_DELIVERIES.c.organization_id, self._organizations, AT_ONCE_ORGANIZATION),
            )
        ]


def next_due(connection: Connection, busy: Busy, at: datetime) -> datetime | None:
    """When the next delivery is due that may begin: now or earlier for one that waits already."""
    due: datetime | None = connection.scalar(
        select(func.min(_DELIVERIES.c.next_attempt_at)).where(_unclaimed(at), *busy.may_begin())
    )
    return due


def claim_due(connection: Connection, claimant: UUID, busy: Busy, at: datetime) -> list[Claim]:
    """Claims what is due, as much as `busy` lets begin, and counts it in there.

    A round takes what its limits allow of the oldest rows; the next one passes over those that are at theirs.
    """
    taken: list[UUID] = []
    while busy.free > 0:
        limit = busy.free
        rows = connection.execute(
            select(_DELIVERIES.c.id, _DELIVERIES.c.endpoint_id, _DELIVERIES.c.organization_id)
            .where(_unclaimed(at), _DELIVERIES.c.next_attempt_at <= at, *busy.may_begin())
            .order_by(_DELIVERIES.c.next_attempt_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).all()
        mine = []
        for row in rows:
            if busy.allows(row.endpoint_id, row.organization_id):
                busy.add(row.endpoint_id, row.organization_id)
                mine.append(row.id)
        if mine:
            connection.execute(
                update(_DELIVERIES)
                .where(_DELIVERIES.c.id.in_(mine))
                .values(claimed_by=claimant, claimed_until=at + CLAIM)
            )
            taken += mine
        if len(rows) < limit or not mine:
            break
    return load(connection, taken, at) if taken else []


def load(connection: Connection, delivery_ids: Sequence[UUID], at: datetime) -> list[Claim]:
    """What it takes to send these deliveries."""
    rows = connection.execute(
        select(
            _DELIVERIES.c.id,
            _DELIVERIES.c.event_id,
            _DELIVERIES.c.endpoint_id,
            _DELIVERIES.c.organization_id,
            _EVENTS.c.type,
            _EVENTS.c.body,
            _ENDPOINTS.c.url,
            _ENDPOINTS.c.enabled,
        )
        .join(_EVENTS, _EVENTS.c.id == _DELIVERIES.c.event_id)
        .join(_ENDPOINTS, _ENDPOINTS.c.id == _DELIVERIES.c.endpoint_id)
        .where(_DELIVERIES.c.id.in_(delivery_ids))
    ).all()
    secrets = _secrets(connection, {row.endpoint_id for row in rows}, at)
    return [_claim(row, secrets) for row in rows]


def _claim(row: Any, secrets: Mapping[UUID, Sequence[bytes]]) -> Claim:
    return Claim(
        delivery_id=row.id,
        endpoint_id=row.endpoint_id,
        organization_id=row.organization_id,
        event_id=row.event_id,
        event_type=row.type,
        body=row.body,
        url=row.url,
        enabled=row.enabled,
        secrets=secrets[row.endpoint_id],
    )


def _secrets(connection: Connection, endpoint_ids: set[UUID], at: datetime) -> dict[UUID, list[bytes]]:
    found: dict[UUID, list[bytes]] = {endpoint_id: [] for endpoint_id in endpoint_ids}
    for endpoint_id, encrypted in connection.execute(
        select(_SECRETS.c.endpoint_id, _SECRETS.c.encrypted)
        .where(_SECRETS.c.endpoint_id.in_(endpoint_ids), _is_valid(at))
        .order_by(_SECRETS.c.id.desc())
    ):
        found[endpoint_id].append(encrypted)
    return found


def _is_valid(at: datetime) -> ColumnElement[bool]:
    return or_(_SECRETS.c.expires_at.is_(None), _SECRETS.c.expires_at > at)


def _unclaimed(at: datetime) -> ColumnElement[bool]:
    claimed_until = _DELIVERIES.c.claimed_until
    return (_DELIVERIES.c.state == DeliveryState.PENDING) & or_(claimed_until.is_(None), claimed_until <= at)
