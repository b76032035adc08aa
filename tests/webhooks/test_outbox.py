"""Publishing: an event stands exactly if what it tells of stands, and it stands once."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import select

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.webhooks.models import DeliveryState, WebhookDelivery, WebhookEndpoint, WebhookEvent
from skyhook.webhooks.service import Webhooks

DATA = {"jobId": "4711"}


async def add_endpoint(database: Database, organization_id: UUID, *types: str, enabled: bool = True) -> UUID:
    endpoint = WebhookEndpoint(
        organization_id=organization_id,
        url="https://example.com/",
        description="",
        event_types=list(types),
        enabled=enabled,
    )
    async with database.write() as session:
        session.add(endpoint)
    return endpoint.id


async def publish(database: Database, organization_id: UUID, key: str = "job:1") -> UUID | None:
    async with database.write() as session:
        return await Webhooks(database, b"s" * 32).publish(
            session, organization_id, "job.completed", DATA, key=key
        )


async def rows(database: Database, kind: Any) -> list[Any]:
    async with database.read() as session:
        return list(await session.scalars(select(kind)))


async def test_an_event_gets_a_delivery_for_each_endpoint_that_wants_it(
    database: Database, organization: UUID
) -> None:
    wanting = {
        await add_endpoint(database, organization),
        await add_endpoint(database, organization, "job.failed", "job.completed"),
    }
    await add_endpoint(database, organization, "job.failed")
    event_id = await publish(database, organization)
    deliveries = await rows(database, WebhookDelivery)
    assert {delivery.endpoint_id for delivery in deliveries} == wanting
    assert {(delivery.event_id, delivery.state) for delivery in deliveries} == {
        (event_id, DeliveryState.PENDING)
    }
    (event,) = await rows(database, WebhookEvent)
    body = msgspec.json.decode(event.body)
    assert body["type"] == "job.completed"
    assert body["data"] == DATA
    assert body["timestamp"].endswith("Z")


async def test_what_is_rolled_back_was_not_published(database: Database, organization: UUID) -> None:
    await add_endpoint(database, organization)

    async def fail() -> None:
        async with database.write() as session:
            await Webhooks(database, b"s" * 32).publish(
                session, organization, "job.completed", DATA, key="job:1"
            )
            raise RuntimeError("the job's own row could not be written")

    with pytest.raises(RuntimeError):
        await fail()
    assert await rows(database, WebhookEvent) == []


async def test_the_same_event_is_published_once_also_at_the_same_time(
    database: Database, organization: UUID
) -> None:
    await add_endpoint(database, organization)
    ids = await asyncio.gather(*(publish(database, organization) for _ in range(8)))
    assert len(set(ids)) == 1
    assert await publish(database, organization, "job:2") not in ids
    assert len(await rows(database, WebhookEvent)) == len(await rows(database, WebhookDelivery)) == 2


async def test_two_organizations_may_use_the_same_key(database: Database, organization: UUID) -> None:
    other = new_id()
    async with database.write() as session:
        session.add(Organization(id=other, name="Other", slug="other"))
    for one in (organization, other):
        await add_endpoint(database, one)
    assert await publish(database, organization) != await publish(database, other)


async def test_an_event_that_nobody_wants_is_not_written(database: Database, organization: UUID) -> None:
    await add_endpoint(database, organization, "job.failed")
    assert await publish(database, organization) is None
    assert await rows(database, WebhookEvent) == []


async def test_an_endpoint_that_is_off_gets_a_delivery_to_replay(
    database: Database, organization: UUID
) -> None:
    await add_endpoint(database, organization, enabled=False)
    await publish(database, organization)
    (delivery,) = await rows(database, WebhookDelivery)
    assert delivery.state == DeliveryState.FAILED


async def test_an_unknown_type_is_a_mistake_of_the_publisher(database: Database, organization: UUID) -> None:
    async with database.write() as session:
        with pytest.raises(ValueError, match="EVENT_TYPES"):
            await Webhooks(database, b"s" * 32).publish(
                session, organization, "job.exploded", {}, key="job:1"
            )
