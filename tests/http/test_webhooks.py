"""Webhooks as a client meets them over HTTP, on SQLite and PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from tests.serving import Server
from tests.webhooks.conftest import SECRET, Receiver, ok, receiving, status, until

from skyhook.accounts.models import Organization
from skyhook.database import Database
from skyhook.webhooks.service import Webhooks
from tests.conftest import Cluster

CREATE = """mutation ($input: WebhookEndpointCreateInput!) { webhookEndpointCreate(input: $input) {
  secret endpoint { id url description eventTypes enabled disabledReason failingSince createdAt } } }"""
UPDATE = """mutation ($input: WebhookEndpointUpdateInput!) { webhookEndpointUpdate(input: $input) {
  url description eventTypes enabled } }"""
DELETE = "mutation ($id: ID!) { webhookEndpointDelete(id: $id) }"
ROTATE = """mutation ($id: ID!, $hours: Int!) {
  webhookSecretRotate(id: $id, overlapHours: $hours) { secret endpoint { id } } }"""
TEST = "mutation ($id: ID!) { webhookTest(id: $id) { id at statusCode error durationMs answer } }"
REPLAY = "mutation ($id: ID!) { webhookDeliveryReplay(id: $id) { id state attemptCount nextAttemptAt } }"
REPLAY_ALL = "mutation ($id: ID!, $since: DateTime!) { webhookReplay(endpointId: $id, since: $since) }"
ENDPOINTS = "{ webhookEndpoints(first: 100) { edges { node { id url } } } }"
EVENTS = """query ($type: String) {
  webhookEvents(type: $type, first: 100) { edges { node { id type body webhookId } } } }"""
DELIVERIES = """query ($id: ID!, $state: WebhookDeliveryState) { node(id: $id) { ... on WebhookEndpoint {
  deliveries(state: $state, first: 100) { edges { node { id state attemptCount nextAttemptAt
    event { id type } endpoint { id }
    attempts(first: 10) { edges { node { id statusCode error } } } } } } } } }"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that may send to this machine."""
    url = None
    if request.param == "postgresql":
        cluster: Cluster = request.getfixturevalue("cluster")
        cluster.sql("CREATE DATABASE webhooks_http TEMPLATE template_skyhook")
        url = cluster.url("webhooks_http")
    environment = {"SKYHOOK_SECRET": SECRET.hex(), "SKYHOOK_WEBHOOKS_ALLOW_PRIVATE": "true"}
    server = Server(tmp_path_factory.mktemp("webhooks"), url, environment=environment)
    server.prepare()
    server.start()
    yield server
    server.stop()


async def ask(server: Server, query: str, *, key: str | None = None, **variables: Any) -> Any:
    """The data of an answer without errors."""
    answer = await asyncio.to_thread(server.graphql, query, key=key, **variables)
    assert "errors" not in answer, answer
    return answer["data"]


async def code(server: Server, query: str, *, key: str | None = None, **variables: Any) -> str:
    """The code of the answer's first error."""
    answer = await asyncio.to_thread(server.graphql, query, key=key, **variables)
    return str(answer["errors"][0]["extensions"]["code"])


async def create(server: Server, receiver: Receiver, *types: str) -> tuple[str, str]:
    """An endpoint's id and its secret."""
    made = (await ask(server, CREATE, input={"url": receiver.url, "eventTypes": types}))[
        "webhookEndpointCreate"
    ]
    return made["endpoint"]["id"], made["secret"]


async def publish(server: Server, key: str, type: str = "job.completed") -> None:
    """Publishes as another process would; the server finds it at its next look."""
    database = Database(
        server.variables().get("SKYHOOK_DATABASE_URL", f"sqlite:///{server.data / 'skyhook.db'}")
    )
    async with database.write() as session:
        organization_id = (await session.scalars(select(Organization.id))).one()
        await Webhooks(database, SECRET).publish(session, organization_id, type, {"n": 1}, key=key)
    await database.close()


async def deliveries(server: Server, endpoint_id: str, state: str | None = None) -> list[dict[str, Any]]:
    found = await ask(server, DELIVERIES, id=endpoint_id, state=state)
    return [edge["node"] for edge in found["node"]["deliveries"]["edges"]]


async def test_an_endpoint_is_created_tested_changed_listed_and_deleted(server: Server) -> None:
    async with receiving(status(200, body=b"thanks")) as receiver:
        endpoint_id, secret = await create(server, receiver, "job.failed")
        attempt = (await ask(server, TEST, id=endpoint_id))["webhookTest"]
        assert (attempt["statusCode"], attempt["error"], attempt["answer"]) == (200, None, "thanks")
        assert receiver.received[0].verify(secret)["type"] == "webhook.test"
        node = await ask(server, "query ($id: ID!) { node(id: $id) { id } }", id=attempt["id"])
        assert node == {"node": {"id": attempt["id"]}}

        changed = await ask(
            server, UPDATE, input={"id": endpoint_id, "description": "Shop", "eventTypes": []}
        )
        assert changed["webhookEndpointUpdate"] == {
            "url": receiver.url,
            "description": "Shop",
            "eventTypes": [],
            "enabled": True,
        }
        rotated = (await ask(server, ROTATE, id=endpoint_id, hours=1))["webhookSecretRotate"]
        await ask(server, TEST, id=endpoint_id)
        for one in (secret, rotated["secret"]):
            assert receiver.received[1].verify(one)
        listed = (await ask(server, ENDPOINTS))["webhookEndpoints"]["edges"]
        assert {"node": {"id": endpoint_id, "url": receiver.url}} in listed
        assert (await ask(server, DELETE, id=endpoint_id))["webhookEndpointDelete"] == endpoint_id
        assert await code(server, TEST, id=endpoint_id) == "NOT_FOUND"


async def test_an_event_is_delivered_fails_is_seen_and_replayed(server: Server) -> None:
    async with receiving(status(410)) as receiver:
        endpoint_id, secret = await create(server, receiver)
        await publish(server, f"replayed:{endpoint_id}")
        await until(receiver.has_received, seconds=15)

        async def has_failed() -> bool:
            return bool(await deliveries(server, endpoint_id, "FAILED"))

        await until(has_failed)
        (delivery,) = await deliveries(server, endpoint_id)
        assert (delivery["state"], delivery["attemptCount"], delivery["nextAttemptAt"]) == ("FAILED", 1, None)
        assert delivery["endpoint"]["id"] == endpoint_id
        (attempt,) = delivery["attempts"]["edges"]
        assert (attempt["node"]["statusCode"], attempt["node"]["error"]) == (410, "STATUS")
        assert await code(server, REPLAY, id=delivery["id"]) == "WEBHOOK_ENDPOINT_DISABLED"
        events = await ask(server, EVENTS, type="job.completed")
        assert receiver.received[0].webhook_id in [
            edge["node"]["webhookId"] for edge in events["webhookEvents"]["edges"]
        ]
        assert (await ask(server, EVENTS, type="job.cancelled"))["webhookEvents"]["edges"] == []
        assert await code(server, EVENTS, type="job\0") == "WEBHOOK_EVENT_TYPE_UNKNOWN"

        receiver.answer = ok
        await ask(server, UPDATE, input={"id": endpoint_id, "enabled": True})
        since = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
        assert (await ask(server, REPLAY_ALL, id=endpoint_id, since=since))["webhookReplay"] == 1

        async def is_delivered() -> bool:
            return bool(await deliveries(server, endpoint_id, "DELIVERED"))

        await until(is_delivered)
        replayed = (await ask(server, REPLAY, id=delivery["id"]))["webhookDeliveryReplay"]
        assert replayed["state"] == "PENDING"

        async def is_sent_again() -> bool:
            return len(receiver.received) == 3

        await until(is_sent_again)
        assert len({received.webhook_id for received in receiver.received}) == 1
        assert receiver.received[-1].verify(secret) == {**receiver.received[0].verify(secret)}
        await ask(server, DELETE, id=endpoint_id)


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ({"url": "https://169.254.169.254/"}, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": "https://user:secret@example.com/"}, "WEBHOOK_ADDRESS_REFUSED"),
        ({"url": "http://127.0.0.1/", "eventTypes": ["job.exploded"]}, "WEBHOOK_EVENT_TYPE_UNKNOWN"),
        ({"url": "http://127.0.0.1/", "description": "x" * 201}, "INVALID_INPUT"),
        ({"url": "http://127.0.0.1/", "description": "a\0b"}, "INVALID_INPUT"),
        ({"url": "https://1.1.1.1/" + "ä" * 700}, "WEBHOOK_ADDRESS_REFUSED"),
    ],
)
async def test_a_wrong_endpoint_is_refused_with_a_code_and_the_field(
    server: Server, given: dict[str, Any], wanted: str
) -> None:
    answer = await asyncio.to_thread(server.graphql, CREATE, input=given)
    extensions = answer["errors"][0]["extensions"]
    assert extensions["code"] == wanted
    assert extensions["field"] in given
    assert wanted != "WEBHOOK_EVENT_TYPE_UNKNOWN" or "job.completed" in answer["errors"][0]["message"]


async def test_each_scope_opens_its_own_half(server: Server) -> None:
    async with receiving() as receiver:
        endpoint_id, _ = await create(server, receiver)
        new = 'mutation ($scopes: [String!]!) { keyCreate(input: {name: "k", scopes: $scopes}) { secret } }'
        keys = {
            scope: (await ask(server, new, scopes=[scope]))["keyCreate"]["secret"]
            for scope in ("webhooks:read", "webhooks:write")
        }
        assert await ask(server, ENDPOINTS, key=keys["webhooks:read"])
        assert await code(server, TEST, key=keys["webhooks:read"], id=endpoint_id) == "SCOPE_MISSING"
        assert await code(server, ENDPOINTS, key=keys["webhooks:write"]) == "SCOPE_MISSING"
        assert await ask(server, TEST, key=keys["webhooks:write"], id=endpoint_id)
        await ask(server, DELETE, id=endpoint_id)


async def test_a_time_without_a_zone_and_a_foreign_id_are_refused(server: Server) -> None:
    async with receiving() as receiver:
        endpoint_id, _ = await create(server, receiver)
        assert await code(server, REPLAY_ALL, id=endpoint_id, since="2026-01-01T00:00:00") == "INVALID_INPUT"
        assert await code(server, REPLAY, id=endpoint_id) == "INVALID_INPUT"
        assert await code(server, ROTATE, id=endpoint_id, hours=721) == "INVALID_INPUT"
        await ask(server, DELETE, id=endpoint_id)
