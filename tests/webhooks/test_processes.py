"""Several server processes behind one PostgreSQL: one sends a delivery at a time; a kill -9 loses none."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, text
from tests.serving import Server
from tests.webhooks.conftest import SECRET, Office, hang, ok, receiving, until

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.operations.caller import Caller
from skyhook.webhooks.models import DeliveryState, WebhookAttempt, WebhookDelivery
from skyhook.webhooks.service import Webhooks

from .conftest import Clock

WORKER = Path(__file__).with_name("worker.py")
EVENTS = 120


@pytest.fixture
def url(postgresql_url: Callable[[], str]) -> str:
    return postgresql_url()


@pytest.fixture
async def shared(url: str) -> AsyncIterator[Office]:
    """An office whose deliveries other processes send."""
    database, clock = Database(url), Clock()
    organization: UUID = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization, name="Acme", slug="acme"))
    webhooks = Webhooks(database, SECRET, allow_private=True, clock=clock)
    yield Office(database, webhooks, Caller(organization, None, None, frozenset({"*"})), clock)
    await webhooks.close()
    await database.close()


@contextmanager
def workers(url: str, count: int) -> Iterator[list[subprocess.Popen[str]]]:
    """So many server processes, killed at the end."""
    started = [
        subprocess.Popen([sys.executable, str(WORKER), url], stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for one in started:
            assert one.stdout is not None
            assert one.stdout.readline() == "started\n"
        yield started
    finally:
        for one in started:
            one.kill()
            one.communicate()


async def count_pending(office: Office) -> int:
    async with office.database.read() as session:
        query = select(func.count()).where(WebhookDelivery.state == DeliveryState.PENDING)
        return await session.scalar(query) or 0


async def test_four_processes_send_each_delivery_exactly_once(shared: Office, url: str) -> None:
    async with receiving() as receiver:
        for _ in range(4):
            await shared.endpoint(receiver.url)
        for number in range(EVENTS):
            await shared.publish(f"job:{number}")
        with workers(url, 4):

            async def is_done() -> bool:
                return await count_pending(shared) == 0

            await until(is_done, seconds=60)
    counted = Counter(received.webhook_id for received in receiver.received)
    assert len(counted) == EVENTS
    assert set(counted.values()) == {4}
    assert {delivery.attempts for delivery in await shared.all(WebhookDelivery)} == {1}
    async with shared.database.read() as session:
        claimants = await session.scalar(select(func.count()).select_from(WebhookAttempt))
    assert claimants == 4 * EVENTS


async def test_what_a_killed_process_was_sending_another_one_sends_with_the_same_id(
    shared: Office, url: str
) -> None:
    async with receiving(hang) as receiver:
        await shared.endpoint(receiver.url)
        await shared.publish()
        with workers(url, 1):
            await until(receiver.has_received)
        claimed = await shared.one(WebhookDelivery)
        assert claimed.claimed_by is not None
        receiver.answer = ok
        assert await shared.deliver() == 0
        shared.clock.forward(seconds=31)
        assert await shared.deliver() == 1
    first, second = receiver.received
    assert (first.webhook_id, first.body) == (second.webhook_id, second.body)
    assert (await shared.one(WebhookDelivery)).state == DeliveryState.DELIVERED


async def test_a_server_that_is_killed_in_mid_delivery_is_taken_over_by_the_next(
    url: str, tmp_path: Path
) -> None:
    environment = {"SKYHOOK_SECRET": SECRET.hex(), "SKYHOOK_WEBHOOKS_ALLOW_PRIVATE": "true"}
    first = Server(tmp_path, url, environment=environment)
    second = Server(tmp_path, url, environment=environment)
    first.prepare()
    database = Database(url)
    async with receiving(hang) as receiver:
        await asyncio.to_thread(first.start)
        create = f'mutation {{ webhookEndpointCreate(input: {{url: "{receiver.url}"}}) {{ secret }} }}'
        secret = (await asyncio.to_thread(first.graphql, create))["data"]["webhookEndpointCreate"]["secret"]
        async with database.write() as session:
            organization_id = (await session.scalars(select(Organization.id))).one()
            await Webhooks(database, SECRET).publish(session, organization_id, "job.failed", {}, key="job:1")
        await until(receiver.has_received, seconds=15)
        first.kill()
        receiver.answer = ok
        async with database.write() as session:
            # Thirty seconds pass.
            await session.execute(text("UPDATE webhook_deliveries SET claimed_until = now()"))
        await asyncio.to_thread(second.start)

        async def is_taken_over() -> bool:
            return len(receiver.received) == 2

        await until(is_taken_over, seconds=15)
        await asyncio.to_thread(second.stop)
    assert len({received.webhook_id for received in receiver.received}) == 1
    assert receiver.received[1].verify(secret)["type"] == "job.failed"
    await database.close()
