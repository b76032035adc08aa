"""Webhooks: what the rest of the core sees of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from typing import Any
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook import clock as clocks
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.encryption import SecretStore
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller
from skyhook.webhooks import outbox
from skyhook.webhooks.addresses import Addresses
from skyhook.webhooks.claims import CLAIM, load
from skyhook.webhooks.dispatcher import Dispatcher
from skyhook.webhooks.endpoints import WebhookEndpoints, own_endpoint
from skyhook.webhooks.errors import WebhookEndpointDisabled
from skyhook.webhooks.events import TEST, body_of
from skyhook.webhooks.models import (
    DeliveryState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from skyhook.webhooks.sending import TIMEOUT_S, Sender

_NO_DELIVERY = "This organization has no such webhook delivery."


class Webhooks:
    """One for each server process."""

    def __init__(
        self,
        database: Database,
        secret: bytes,
        *,
        allow_private: bool = False,
        timeout_s: float = TIMEOUT_S,
        clock: Callable[[], datetime] = clocks.now,
    ) -> None:
        self._database = database
        self._clock = clock
        self._addresses = Addresses(allow_private=allow_private)
        secrets = SecretStore(secret, b"skyhook webhook secrets")
        self.endpoints = WebhookEndpoints(database, self._addresses, secrets, clock)
        self.dispatcher = Dispatcher(database, Sender(self._addresses, timeout_s), secrets, clock)

    async def start(self) -> None:
        """Delivers in the background from here on."""
        await self.dispatcher.start()

    async def close(self) -> None:
        """Ends deliveries; what is left is sent by the next process."""
        await self.dispatcher.close()
        self._addresses.close()

    async def publish(
        self, session: AsyncSession, organization_id: UUID, type: str, data: Mapping[str, Any], *, key: str
    ) -> UUID | None:
        """Adds an event and its deliveries to the caller's unit of work: they stand exactly if it stands.

        Call `wake` after it. `type` is one of `EVENT_TYPES`; `data` is what JSON can carry; `key` names what
        happened, such as `job:<id>:completed`: a second event of the organization with the same key is not
        written. Returns the event's id, that of the first one for a repeated key, and None where no endpoint
        of the organization wants it. Raises ValueError for an unknown type.
        """
        connection = await session.connection()
        write = partial(outbox.publish, key=key, at=self._clock())
        return await connection.run_sync(write, organization_id, type, data)

    def wake(self) -> None:
        """Delivers what was published at once; without it the next look, seconds later, finds it.

        Belongs to the event loop that the server runs on, as all of this class does.
        """
        self.dispatcher.wake()

    async def test(self, caller: Caller, endpoint_id: UUID) -> WebhookAttempt:
        """Sends a `webhook.test` to an endpoint, on or off, at once and once. Raises NotFound."""
        at = self._clock()
        async with self._database.write() as session:
            endpoint = await own_endpoint(session, caller, endpoint_id)
            delivery = await _add_test(session, endpoint, self.dispatcher.claimant, at)
            connection = await session.connection()
            (claim,) = await connection.run_sync(load, [delivery.id], at)
        attempt = await self.dispatcher.send(claim)
        if attempt is None:
            raise NotFound("The webhook endpoint was deleted meanwhile.")
        return attempt

    async def replay(self, caller: Caller, delivery_id: UUID) -> WebhookDelivery:
        """Sends a delivery again, whatever became of it, with all its retries.

        One that is being sent now is left alone. Raises NotFound, or WebhookEndpointDisabled.
        """
        at = self._clock()
        async with self._database.write() as session:
            endpoint_id = await session.scalar(
                select(WebhookDelivery.endpoint_id).where(
                    WebhookDelivery.id == delivery_id,
                    WebhookDelivery.organization_id == caller.organization_id,
                )
            )
            if endpoint_id is None:
                raise NotFound(_NO_DELIVERY)
            _require_enabled(await own_endpoint(session, caller, endpoint_id))
            delivery = await session.get(WebhookDelivery, delivery_id, with_for_update=True)
            if delivery is None:
                raise NotFound(_NO_DELIVERY)
            if delivery.claimed_until is None or delivery.claimed_until <= at:
                delivery.state, delivery.attempts, delivery.next_attempt_at = DeliveryState.PENDING, 0, at
        self.wake()
        return delivery

    async def replay_failed(self, caller: Caller, endpoint_id: UUID, since: datetime) -> int:
        """Sends again what failed of an endpoint's deliveries from `since` on; how many those are.

        Raises NotFound, WebhookEndpointDisabled, or InvalidInput for a time without a zone.
        """
        if since.tzinfo is None:
            raise InvalidInput("A time needs its zone, such as 2026-01-31T00:00:00Z.", field="since")
        async with self._database.write() as session:
            _require_enabled(await own_endpoint(session, caller, endpoint_id))
            replayed = await session.scalars(
                update(WebhookDelivery)
                .where(
                    WebhookDelivery.endpoint_id == endpoint_id,
                    WebhookDelivery.state == DeliveryState.FAILED,
                    WebhookDelivery.created_at >= since,
                )
                .values(state=DeliveryState.PENDING, attempts=0, next_attempt_at=self._clock())
                .returning(WebhookDelivery.id)
            )
            count = len(replayed.all())
        self.wake()
        return count


def _require_enabled(endpoint: WebhookEndpoint) -> None:
    if not endpoint.enabled:
        raise WebhookEndpointDisabled(
            "This endpoint is off. Mend it, turn it on with webhookEndpointUpdate, then replay."
        )


async def _add_test(
    session: AsyncSession, endpoint: WebhookEndpoint, claimant: UUID, at: datetime
) -> WebhookDelivery:
    """The test's event and its delivery, claimed already."""
    event_id = new_id()
    event = WebhookEvent(
        id=event_id,
        organization_id=endpoint.organization_id,
        type=TEST,
        key=f"test:{event_id}",
        body=body_of(TEST, at, {"message": "This endpoint can receive webhooks."}),
        created_at=at,
    )
    session.add(event)
    await session.flush()
    delivery = WebhookDelivery(
        id=new_id(),
        event_id=event_id,
        endpoint_id=endpoint.id,
        organization_id=endpoint.organization_id,
        state=DeliveryState.PENDING,
        next_attempt_at=at,
        claimed_by=claimant,
        claimed_until=at + CLAIM,
        created_at=at,
    )
    session.add(delivery)
    await session.flush()
    return delivery
