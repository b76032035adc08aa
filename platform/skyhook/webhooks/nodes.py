"""GraphQL types of webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, TypeVar
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Context, Info
from skyhook.graphql.ids import ByUuid
from skyhook.graphql.nodes import Node
from skyhook.scopes import WEBHOOKS_READ
from skyhook.webhooks import models
from skyhook.webhooks.events import webhook_id
from skyhook.webhooks.sending import AttemptError

Row = TypeVar("Row")


@strawberry.enum(description="What became of a delivery.")
class WebhookDeliveryState(Enum):
    PENDING = strawberry.enum_value(
        models.DeliveryState.PENDING.value, description="It is being sent, or waits for its next attempt."
    )
    DELIVERED = strawberry.enum_value(
        models.DeliveryState.DELIVERED.value,
        description="The endpoint answered with a status from 200 to 299.",
    )
    FAILED = strawberry.enum_value(
        models.DeliveryState.FAILED.value,
        description="Given up, or the endpoint was off; it can be replayed.",
    )


@strawberry.enum(description="Why an attempt failed.")
class WebhookAttemptError(Enum):
    ADDRESS_REFUSED = strawberry.enum_value(
        AttemptError.ADDRESS_REFUSED.value,
        description="The host leads to an address that webhooks do not go to.",
    )
    NAME_NOT_RESOLVED = strawberry.enum_value(
        AttemptError.NAME_NOT_RESOLVED.value, description="The host has no address."
    )
    CONNECTION_FAILED = strawberry.enum_value(
        AttemptError.CONNECTION_FAILED.value, description="Nothing listens there, or the connection broke."
    )
    TLS_FAILED = strawberry.enum_value(
        AttemptError.TLS_FAILED.value, description="The certificate is not valid for the host."
    )
    TIMEOUT = strawberry.enum_value(
        AttemptError.TIMEOUT.value, description="No answer came within 10 seconds."
    )
    ANSWER_INVALID = strawberry.enum_value(
        AttemptError.ANSWER_INVALID.value, description="The answer is not HTTP."
    )
    REDIRECTED = strawberry.enum_value(
        AttemptError.REDIRECTED.value,
        description="The endpoint redirects, which is not followed: change its URL.",
    )
    STATUS = strawberry.enum_value(
        AttemptError.STATUS.value, description="The endpoint answered with the status in `statusCode`."
    )
    INTERNAL = strawberry.enum_value(
        AttemptError.INTERNAL.value, description="A fault of this server; its operator finds it in the log."
    )


@strawberry.type(description="One request to an endpoint.")
class WebhookAttempt(ByUuid, Node):
    """A request that was made, or could not be made."""

    id: strawberry.relay.NodeID[str]
    at: datetime = strawberry.field(description="When it began.")
    status_code: int | None = strawberry.field(description="The answer's status; null where none came.")
    error: WebhookAttemptError | None = strawberry.field(description="Null where the endpoint took it.")
    duration_ms: int
    answer: str = strawberry.field(description="The first KiB of the answer's body.")

    @classmethod
    def of(cls, attempt: models.WebhookAttempt) -> WebhookAttempt:
        """The GraphQL form of a row."""
        return cls(
            id=str(attempt.id),
            at=attempt.at,
            status_code=attempt.status_code,
            error=None if attempt.error_code is None else WebhookAttemptError(attempt.error_code),
            duration_ms=attempt.duration_ms,
            answer=attempt.answer.decode(errors="replace"),
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Attempts of the caller's organization."""
        info.context.caller.require(WEBHOOKS_READ)
        return (
            select(models.WebhookAttempt)
            .join(models.WebhookDelivery, models.WebhookDelivery.id == models.WebhookAttempt.delivery_id)
            .where(
                models.WebhookAttempt.id.in_(ids),
                models.WebhookDelivery.organization_id == info.context.caller.organization_id,
            )
        )


@strawberry.type(description="An event on its way to one endpoint.")
class WebhookDelivery(ByUuid, Node):
    """A delivery of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    state: WebhookDeliveryState
    attempt_count: int = strawberry.field(description="Since it was published, or replayed last.")
    next_attempt_at: datetime | None = strawberry.field(description="Null where none is to come.")
    created_at: datetime
    event_id: strawberry.Private[UUID]
    endpoint_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, delivery: models.WebhookDelivery) -> WebhookDelivery:
        """The GraphQL form of a row."""
        is_pending = delivery.state == models.DeliveryState.PENDING
        return cls(
            id=str(delivery.id),
            state=WebhookDeliveryState(delivery.state),
            attempt_count=delivery.attempts,
            next_attempt_at=delivery.next_attempt_at if is_pending else None,
            created_at=delivery.created_at,
            event_id=delivery.event_id,
            endpoint_id=delivery.endpoint_id,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Deliveries of the caller's organization."""
        info.context.caller.require(WEBHOOKS_READ)
        return select(models.WebhookDelivery).where(
            models.WebhookDelivery.id.in_(ids),
            models.WebhookDelivery.organization_id == info.context.caller.organization_id,
        )

    @strawberry.field(description="What is delivered.")
    async def event(self, info: Info) -> WebhookEvent:
        """The delivery's event."""
        info.context.caller.require(WEBHOOKS_READ)
        return await info.context.loader(_load_events).load(self.event_id)

    @strawberry.field(description="Where to.")
    async def endpoint(self, info: Info) -> WebhookEndpoint:
        """The delivery's endpoint."""
        info.context.caller.require(WEBHOOKS_READ)
        return await info.context.loader(_load_endpoints).load(self.endpoint_id)

    @strawberry.field(description="The requests that were made, newest first.")
    async def attempts(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[WebhookAttempt]:
        """A page of attempts."""
        info.context.caller.require(WEBHOOKS_READ)
        query = select(models.WebhookAttempt).where(models.WebhookAttempt.delivery_id == UUID(self.id))
        order = Order(models.WebhookAttempt.at, models.WebhookAttempt.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, WebhookAttempt.of)


@strawberry.type(description="Something that happened, as endpoints are told of it. Kept for 30 days.")
class WebhookEvent(ByUuid, Node):
    """An event of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    webhook_id: str = strawberry.field(description="The header `webhook-id` of each of its deliveries.")
    type: str = strawberry.field(description="Such as `job.completed`.")
    body: str = strawberry.field(description="The JSON text that is sent and signed.")
    created_at: datetime

    @classmethod
    def of(cls, event: models.WebhookEvent) -> WebhookEvent:
        """The GraphQL form of a row."""
        return cls(
            id=str(event.id),
            webhook_id=webhook_id(event.id),
            type=event.type,
            body=event.body.decode(),
            created_at=event.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Events of the caller's organization."""
        info.context.caller.require(WEBHOOKS_READ)
        return select(models.WebhookEvent).where(
            models.WebhookEvent.id.in_(ids),
            models.WebhookEvent.organization_id == info.context.caller.organization_id,
        )


@strawberry.type(description="An address that wants events.")
class WebhookEndpoint(ByUuid, Node):
    """An endpoint of the caller's organization, without its secrets."""

    id: strawberry.relay.NodeID[str]
    url: str
    description: str
    event_types: list[str] = strawberry.field(description="The types it wants; empty for all of them.")
    enabled: bool
    disabled_reason: str | None = strawberry.field(description="Why the server turned it off, if it did.")
    failing_since: datetime | None = strawberry.field(description="The first failure since the last success.")
    created_at: datetime

    @classmethod
    def of(cls, endpoint: models.WebhookEndpoint) -> WebhookEndpoint:
        """The GraphQL form of a row."""
        return cls(
            id=str(endpoint.id),
            url=endpoint.url,
            description=endpoint.description,
            event_types=endpoint.event_types,
            enabled=endpoint.enabled,
            disabled_reason=endpoint.disabled_reason,
            failing_since=endpoint.failing_since,
            created_at=endpoint.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Endpoints of the caller's organization."""
        info.context.caller.require(WEBHOOKS_READ)
        return select(models.WebhookEndpoint).where(
            models.WebhookEndpoint.id.in_(ids),
            models.WebhookEndpoint.organization_id == info.context.caller.organization_id,
        )

    @strawberry.field(description="What was sent to it, or waits to be, newest first.")
    async def deliveries(
        self,
        info: Info,
        state: WebhookDeliveryState | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[WebhookDelivery]:
        """A page of deliveries."""
        info.context.caller.require(WEBHOOKS_READ)
        query = select(models.WebhookDelivery).where(models.WebhookDelivery.endpoint_id == UUID(self.id))
        if state is not None:
            query = query.where(models.WebhookDelivery.state == state.value)
        order = Order(models.WebhookDelivery.created_at, models.WebhookDelivery.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, WebhookDelivery.of)


async def _load_events(context: Context, ids: list[UUID]) -> list[WebhookEvent]:
    found = await _by_id(context, models.WebhookEvent, ids)
    return [WebhookEvent.of(found[one]) for one in ids]


async def _load_endpoints(context: Context, ids: list[UUID]) -> list[WebhookEndpoint]:
    found = await _by_id(context, models.WebhookEndpoint, ids)
    return [WebhookEndpoint.of(found[one]) for one in ids]


async def _by_id(context: Context, kind: Any, ids: list[UUID]) -> dict[UUID, Any]:
    async with context.services.database.read() as session:
        return {row.id: row for row in await session.scalars(select(kind).where(kind.id.in_(ids)))}
