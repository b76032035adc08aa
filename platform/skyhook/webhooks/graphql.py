"""GraphQL of webhooks: endpoints, events, and what became of each delivery."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Annotated

import strawberry
from sqlalchemy import select

from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import node_uuid
from skyhook.graphql.nodes import GlobalID
from skyhook.scopes import WEBHOOKS_READ, WEBHOOKS_WRITE
from skyhook.webhooks import models
from skyhook.webhooks.events import known_types
from skyhook.webhooks.nodes import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookEvent


@strawberry.type(description="An endpoint with a secret of it, which is shown this once.")
class WebhookEndpointSecret:
    """An endpoint whose secret was just made."""

    endpoint: WebhookEndpoint
    secret: str = strawberry.field(description="What deliveries are signed with: `whsec_` and base64.")


@strawberry.input(description="A new webhook endpoint.")
class WebhookEndpointCreateInput:
    """Where to, and what."""

    url: str = strawberry.field(description="An https URL that is reachable from the Internet.")
    description: str = strawberry.field(default="", description="At most 200 characters.")
    event_types: list[str] = strawberry.field(
        default_factory=list, description="Such as job.completed; empty for every type, also later ones."
    )


@strawberry.input(description="What to change of a webhook endpoint; what is left out stays.")
class WebhookEndpointUpdateInput:
    """The endpoint and its changes."""

    id: GlobalID
    url: str | None = None
    description: str | None = None
    event_types: list[str] | None = strawberry.field(default=None, description="Empty for every type.")
    enabled: bool | None = strawberry.field(
        default=None, description="Off: events become failed deliveries at once, which can be replayed later."
    )


EndpointId = Annotated[GlobalID, strawberry.argument(description="The endpoint's id.")]
DeliveryId = Annotated[GlobalID, strawberry.argument(description="The delivery's id.")]
EventType = Annotated[str | None, strawberry.argument(description="Only events of this type.")]
OverlapHours = Annotated[
    int, strawberry.argument(description="How long the old secret goes on signing as well: 0 to 720.")
]
Since = Annotated[
    datetime, strawberry.argument(description="Deliveries of events that were published then or later.")
]


@strawberry.type
class WebhooksQuery:
    """Root fields of webhooks."""

    @strawberry.field(description="The webhook endpoints of the organization, newest first.")
    async def webhook_endpoints(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[WebhookEndpoint]:
        """A page of endpoints."""
        caller = info.context.caller
        caller.require(WEBHOOKS_READ)
        query = select(models.WebhookEndpoint).where(
            models.WebhookEndpoint.organization_id == caller.organization_id
        )
        order = Order(models.WebhookEndpoint.created_at, models.WebhookEndpoint.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, WebhookEndpoint.of)

    @strawberry.field(description="What endpoints were told of in the last 30 days, newest first.")
    async def webhook_events(
        self,
        info: Info,
        type: EventType = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[WebhookEvent]:
        """A page of events."""
        caller = info.context.caller
        caller.require(WEBHOOKS_READ)
        query = select(models.WebhookEvent).where(
            models.WebhookEvent.organization_id == caller.organization_id
        )
        if type is not None:
            query = query.where(models.WebhookEvent.type.in_(known_types([type], "type")))
        order = Order(models.WebhookEvent.created_at, models.WebhookEvent.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, WebhookEvent.of)


@strawberry.type
class WebhooksMutation:
    """Root fields of webhooks that change something."""

    @strawberry.mutation(description="Creates an endpoint and shows its secret, this once.")
    async def webhook_endpoint_create(
        self, info: Info, input: WebhookEndpointCreateInput
    ) -> WebhookEndpointSecret:
        """A new endpoint."""
        info.context.caller.require(WEBHOOKS_WRITE)
        endpoint, secret = await info.context.services.webhooks.endpoints.create(
            info.context.caller, input.url, description=input.description, event_types=input.event_types
        )
        return WebhookEndpointSecret(endpoint=WebhookEndpoint.of(endpoint), secret=secret)

    @strawberry.mutation(description="Changes an endpoint, or turns it on or off.")
    async def webhook_endpoint_update(self, info: Info, input: WebhookEndpointUpdateInput) -> WebhookEndpoint:
        """The changed endpoint."""
        info.context.caller.require(WEBHOOKS_WRITE)
        endpoint = await info.context.services.webhooks.endpoints.update(
            info.context.caller,
            node_uuid(input.id, "WebhookEndpoint", "id"),
            url=input.url,
            description=input.description,
            event_types=input.event_types,
            enabled=input.enabled,
        )
        return WebhookEndpoint.of(endpoint)

    @strawberry.mutation(description="Deletes an endpoint with its deliveries; gives back the endpoint's id.")
    async def webhook_endpoint_delete(self, info: Info, id: EndpointId) -> GlobalID:
        """The id of what was deleted."""
        info.context.caller.require(WEBHOOKS_WRITE)
        endpoint_id = node_uuid(id, "WebhookEndpoint", "id")
        await info.context.services.webhooks.endpoints.delete(info.context.caller, endpoint_id)
        return id

    @strawberry.mutation(description="Gives an endpoint a new secret; for a while both sign each delivery.")
    async def webhook_secret_rotate(
        self, info: Info, id: EndpointId, overlap_hours: OverlapHours = 24
    ) -> WebhookEndpointSecret:
        """The endpoint with its new secret."""
        info.context.caller.require(WEBHOOKS_WRITE)
        endpoint, secret = await info.context.services.webhooks.endpoints.rotate_secret(
            info.context.caller, node_uuid(id, "WebhookEndpoint", "id"), timedelta(hours=overlap_hours)
        )
        return WebhookEndpointSecret(endpoint=WebhookEndpoint.of(endpoint), secret=secret)

    @strawberry.mutation(description="Sends one delivery again, whatever became of it.")
    async def webhook_delivery_replay(self, info: Info, id: DeliveryId) -> WebhookDelivery:
        """The delivery, pending again."""
        info.context.caller.require(WEBHOOKS_WRITE)
        delivery_id = node_uuid(id, "WebhookDelivery", "id")
        delivery = await info.context.services.webhooks.replay(info.context.caller, delivery_id)
        return WebhookDelivery.of(delivery)

    @strawberry.mutation(description="Sends again what failed of an endpoint; gives back how many those are.")
    async def webhook_replay(self, info: Info, endpoint_id: EndpointId, since: Since) -> int:
        """How many deliveries are pending again."""
        info.context.caller.require(WEBHOOKS_WRITE)
        count: int = await info.context.services.webhooks.replay_failed(
            info.context.caller, node_uuid(endpoint_id, "WebhookEndpoint", "endpointId"), since
        )
        return count

    @strawberry.mutation(description="Sends a webhook.test at once and once; gives back what came of it.")
    async def webhook_test(self, info: Info, id: EndpointId) -> WebhookAttempt:
        """The attempt."""
        info.context.caller.require(WEBHOOKS_WRITE)
        endpoint_id = node_uuid(id, "WebhookEndpoint", "id")
        return WebhookAttempt.of(await info.context.services.webhooks.test(info.context.caller, endpoint_id))
