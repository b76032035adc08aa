"""Deliveries over real sockets: signed, retried, given up, replayed."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta

import pytest
from sqlalchemy import update
from tests.webhooks.conftest import SECRET, TIMEOUT_S, Office, hang, ok, receiving, status, until

from skyhook.accounts.models import AuditEvent
from skyhook.clock import new_id
from skyhook.errors import InvalidInput, NotFound
from skyhook.operations.caller import Caller
from skyhook.retries import RETRIES
from skyhook.webhooks.claims import AT_ONCE_ENDPOINT, AT_ONCE_ORGANIZATION
from skyhook.webhooks.endpoints import MOST_ENDPOINTS, MOST_SECRETS
from skyhook.webhooks.errors import WebhookEndpointDisabled, WebhookEndpointsTooMany
from skyhook.webhooks.models import (
    ANSWER_BYTES,
    DeliveryState,
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookEvent,
)
from skyhook.webhooks.sending import AttemptError
from skyhook.webhooks.service import Webhooks


async def test_a_delivery_carries_the_event_and_the_official_library_verifies_it(office: Office) -> None:
    async with receiving() as receiver:
        _, secret = await office.endpoint(receiver.url)
        event_id = await office.publish()
        assert await office.deliver() == 1
    (received,) = receiver.received
    assert received.verify(secret)["data"] == {"jobId": "4711"}
    assert received.headers["content-type"] == "application/json"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert event_id is not None
    assert received.webhook_id == f"evt_{event_id.hex}"
    delivery = await office.one(WebhookDelivery)
    assert (delivery.state, delivery.attempts, delivery.claimed_by) == (DeliveryState.DELIVERED, 1, None)
    attempt = await office.one(WebhookAttempt)
    assert (attempt.status_code, attempt.error_code) == (204, None)
    assert await office.deliver() == 0


async def test_while_a_secret_is_rotated_both_verify_and_then_the_new_one_alone(office: Office) -> None:
    async with receiving() as receiver:
        endpoint, old = await office.endpoint(receiver.url)
        _, new = await office.webhooks.endpoints.rotate_secret(office.caller, endpoint.id, timedelta(hours=1))
        await office.publish("job:1")
        await office.deliver()
        assert len(receiver.received[0].headers["webhook-signature"].split()) == 2
        assert receiver.received[0].verify(old) == receiver.received[0].verify(new)
        office.clock.forward(hours=1)
        await office.publish("job:2")
        await office.deliver()
    assert receiver.received[1].is_signed_by(new)
    assert not receiver.received[1].is_signed_by(old)


async def test_a_failed_delivery_is_tried_again_with_the_same_id_until_it_is_taken(office: Office) -> None:
    async with receiving(status(500, body=b"not today")) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
        assert await office.deliver() == 0
        receiver.answer = ok
        office.clock.forward(seconds=6)
        assert await office.deliver() == 1
    assert len({received.webhook_id for received in receiver.received}) == 1
    assert len({received.body for received in receiver.received}) == 1
    first, second = await office.all(WebhookAttempt)
    assert (first.status_code, first.error_code, first.answer) == (500, AttemptError.STATUS, b"not today")
    assert (second.status_code, second.error_code) == (204, None)


async def test_the_pauses_grow_as_the_schedule_says_and_then_it_is_given_up(office: Office) -> None:
    async with receiving(status(500)) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        for pause in RETRIES:
            at = office.clock()
            assert await office.deliver() == 1
            delivery = await office.one(WebhookDelivery)
            wait = delivery.next_attempt_at - at
            assert 0.9 * pause <= wait <= 1.1 * pause + timedelta(seconds=1)
            office.clock.forward(seconds=wait.total_seconds())
        assert await office.deliver() == 1
        office.clock.forward(days=2)
        assert await office.deliver() == 0
    assert (await office.one(WebhookDelivery)).state == DeliveryState.FAILED
    assert len(receiver.received) == len(RETRIES) + 1


@pytest.mark.parametrize("code", [429, 503])
async def test_retry_after_makes_a_pause_longer(office: Office, code: int) -> None:
    async with receiving(status(code, "Retry-After: 120")) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
        delivery = await office.one(WebhookDelivery)
        assert delivery.next_attempt_at - office.clock() > timedelta(seconds=115)


async def test_410_turns_the_endpoint_off_with_a_reason_and_an_entry_in_the_audit_log(office: Office) -> None:
    async with receiving(status(410)) as receiver:
        await office.endpoint(receiver.url)
        for number in range(3):
            await office.publish(f"job:{number}")
        await office.deliver()
        await office.publish("job:later")
        office.clock.forward(days=1)
        assert await office.deliver() == 0
    endpoint = await office.one(WebhookEndpoint)
    assert not endpoint.enabled
    assert "410" in endpoint.disabled_reason
    assert {delivery.state for delivery in await office.all(WebhookDelivery)} == {DeliveryState.FAILED}
    actions = [event.action for event in await office.all(AuditEvent)]
    assert actions == ["webhook_endpoint.created", "webhook_endpoint.disabled"]


async def test_an_endpoint_that_fails_for_five_days_is_turned_off(office: Office) -> None:
    async with receiving(status(500)) as receiver:
        await office.endpoint(receiver.url)
        for day in range(6):
            await office.publish(f"job:{day}")
            await office.deliver()
            assert (await office.one(WebhookEndpoint)).enabled is (day < 5)
            office.clock.forward(days=1)
    assert "5 days" in (await office.one(WebhookEndpoint)).disabled_reason


async def test_one_success_begins_the_five_days_anew(office: Office) -> None:
    async with receiving(status(500)) as receiver:
        await office.endpoint(receiver.url)
        for day in range(10):
            receiver.answer = ok if day == 4 else status(500)
            await office.publish(f"job:{day}")
            while await office.deliver():
                pass
            office.clock.forward(days=1)
            if day == 4:
                assert (await office.one(WebhookEndpoint)).failing_since is None
                await office.webhooks.replay_failed(
                    office.caller, (await office.one(WebhookEndpoint)).id, office.clock() - timedelta(days=9)
                )
    assert (await office.one(WebhookEndpoint)).enabled


async def test_a_redirect_is_not_followed(office: Office) -> None:
    async with receiving() as inner, receiving(status(302, f"Location: {inner.url}")) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
    assert inner.received == []
    attempt = await office.one(WebhookAttempt)
    assert (attempt.status_code, attempt.error_code) == (302, AttemptError.REDIRECTED)


async def test_an_endless_body_is_read_to_its_first_kilobyte(office: Office) -> None:
    sent = 0

    async def bomb(_received: object, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 65536)
            await writer.drain()
            sent += 65536

    async with receiving(bomb) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
    attempt = await office.one(WebhookAttempt)
    assert attempt.answer == b"x" * ANSWER_BYTES
    assert attempt.error_code is None
    assert sent < 16 << 20


async def test_a_body_that_never_ends_does_not_undo_its_status(office: Office) -> None:
    async def drip(_received: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbegin")
        await writer.drain()
        await asyncio.sleep(3600)

    async with receiving(drip) as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
    assert (await office.one(WebhookDelivery)).state == DeliveryState.DELIVERED
    assert (await office.one(WebhookAttempt)).answer == b"begin"


async def test_what_is_no_http_or_not_there_fails_with_its_reason(office: Office) -> None:
    async def nonsense(_received: object, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")

    async def broken(_received: object, _writer: asyncio.StreamWriter) -> None:
        return

    async with receiving(nonsense) as first, receiving(broken) as second, receiving(hang) as third:
        for receiver in (first, second, third):
            await office.endpoint(receiver.url)
        async with receiving() as gone:
            await office.endpoint(gone.url)
        await office.publish()
        assert await office.deliver() == 4
    assert {attempt.error_code for attempt in await office.all(WebhookAttempt)} == {
        AttemptError.ANSWER_INVALID,
        AttemptError.TIMEOUT,
        AttemptError.CONNECTION_FAILED,
    }


async def test_a_hanging_endpoint_holds_back_nobody_else(office: Office) -> None:
    async with receiving(hang) as hanging, receiving() as receiver:
        await office.endpoint(hanging.url, "job.failed")
        for number in range(100):
            await office.publish(f"failed:{number}", "job.failed")
        await office.endpoint(receiver.url, "job.completed")
        await office.publish()
        office.webhooks.wake()
        await office.webhooks.start()
        started = time.monotonic()
        await until(receiver.has_received)
        assert time.monotonic() - started < TIMEOUT_S
        assert len(hanging.received) <= AT_ONCE_ENDPOINT


async def test_an_organization_has_its_share_of_requests_at_once(office: Office) -> None:
    async with receiving(hang) as hanging:
        for _ in range(6):
            await office.endpoint(hanging.url)
        for number in range(6):
            await office.publish(f"job:{number}")
        assert await office.deliver() == AT_ONCE_ORGANIZATION


async def test_what_was_published_is_delivered_in_the_background_and_what_failed_is_retried(
    office: Office,
) -> None:
    async with receiving(status(500)) as receiver:
        await office.endpoint(receiver.url)
        await office.webhooks.start()
        await office.publish()
        office.webhooks.wake()
        await until(receiver.has_received)
        receiver.answer = ok

        async def is_recorded() -> bool:
            return (await office.one(WebhookDelivery)).claimed_by is None

        await until(is_recorded)
        office.clock.forward(seconds=6)
        office.webhooks.wake()

        async def is_delivered() -> bool:
            return (await office.one(WebhookDelivery)).state == DeliveryState.DELIVERED

        await until(is_delivered)


async def test_a_replay_sends_what_was_given_up_with_all_its_retries(office: Office) -> None:
    async with receiving(status(410)) as receiver:
        endpoint, secret = await office.endpoint(receiver.url)
        await office.publish("job:1")
        await office.deliver()
        await office.publish("job:2")
        since = office.clock() - timedelta(hours=1)
        with pytest.raises(WebhookEndpointDisabled):
            await office.webhooks.replay_failed(office.caller, endpoint.id, since)
        receiver.answer = ok
        endpoint = await office.webhooks.endpoints.update(office.caller, endpoint.id, enabled=True)
        assert endpoint.disabled_reason is None
        assert await office.webhooks.replay_failed(office.caller, endpoint.id, office.clock()) == 0
        assert await office.webhooks.replay_failed(office.caller, endpoint.id, since) == 2
        assert await office.deliver() == 2
    assert {delivery.state for delivery in await office.all(WebhookDelivery)} == {DeliveryState.DELIVERED}
    assert receiver.received[-1].verify(secret)


async def test_one_delivered_event_can_be_sent_again(office: Office) -> None:
    async with receiving() as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
        delivery = await office.one(WebhookDelivery)
        replayed = await office.webhooks.replay(office.caller, delivery.id)
        assert (replayed.state, replayed.attempts) == (DeliveryState.PENDING, 0)
        assert await office.deliver() == 1
    first, second = receiver.received
    assert first.webhook_id == second.webhook_id


async def test_a_test_event_is_sent_at_once_also_to_an_endpoint_that_is_off(office: Office) -> None:
    async with receiving() as receiver:
        endpoint, secret = await office.endpoint(receiver.url, "job.failed")
        await office.webhooks.endpoints.update(office.caller, endpoint.id, enabled=False)
        attempt = await office.webhooks.test(office.caller, endpoint.id)
        assert (attempt.status_code, attempt.error_code) == (204, None)
        assert receiver.received[0].verify(secret)["type"] == "webhook.test"
        receiver.answer = status(500)
        attempt = await office.webhooks.test(office.caller, endpoint.id)
        assert attempt.error_code == AttemptError.STATUS
    assert (await office.all(WebhookDelivery))[1].state == DeliveryState.FAILED
    office.clock.forward(days=1)
    assert await office.deliver() == 0


async def test_what_waits_fails_when_its_endpoint_is_turned_off_and_goes_when_it_is_deleted(
    office: Office,
) -> None:
    async with receiving(status(500)) as receiver:
        endpoint, _ = await office.endpoint(receiver.url)
        await office.publish()
        await office.deliver()
        await office.webhooks.endpoints.update(office.caller, endpoint.id, enabled=False)
        assert (await office.one(WebhookDelivery)).state == DeliveryState.FAILED
        await office.webhooks.endpoints.delete(office.caller, endpoint.id)
    assert await office.all(WebhookDelivery) == []
    assert await office.all(WebhookAttempt) == []
    actions = [event.action for event in await office.all(AuditEvent)]
    assert actions == [f"webhook_endpoint.{verb}" for verb in ("created", "updated", "deleted")]


async def test_an_endpoint_deleted_while_it_is_sent_to_leaves_nothing(office: Office) -> None:
    async with receiving(hang) as receiver:
        endpoint, _ = await office.endpoint(receiver.url)
        await office.publish()
        sending = asyncio.create_task(office.deliver())
        await until(receiver.has_received)
        await office.webhooks.endpoints.delete(office.caller, endpoint.id)
        await sending
    assert await office.all(WebhookAttempt) == []


async def test_what_was_published_while_its_endpoint_was_turned_off_fails_without_an_attempt(
    office: Office,
) -> None:
    async with receiving() as receiver:
        endpoint, _ = await office.endpoint(receiver.url)
        await office.publish()
        async with office.database.write() as session:
            # As where the two transactions did not see each other.
            await session.execute(update(WebhookEndpoint).values(enabled=False))
        await office.deliver()
    assert receiver.received == []
    assert (await office.one(WebhookDelivery)).state == DeliveryState.FAILED
    assert endpoint.id == (await office.one(WebhookDelivery)).endpoint_id


async def test_deleting_an_endpoint_never_fails_a_transaction_that_publishes(office: Office) -> None:
    for round in range(5):
        async with receiving() as receiver:
            endpoints = [(await office.endpoint(receiver.url))[0] for _ in range(4)]
            await asyncio.gather(
                *(office.publish(f"job:{round}:{number}") for number in range(10)),
                *(office.webhooks.endpoints.delete(office.caller, endpoint.id) for endpoint in endpoints),
                *(office.deliver() for _ in range(4)),
            )
    assert await office.all(WebhookDelivery) == []


async def test_an_organization_has_at_most_fifty_endpoints(office: Office) -> None:
    for _ in range(MOST_ENDPOINTS):
        await office.endpoint("http://127.0.0.1/")
    with pytest.raises(WebhookEndpointsTooMany):
        await office.endpoint("http://127.0.0.1/")


async def test_at_most_five_secrets_sign_a_delivery(office: Office) -> None:
    endpoint, _ = await office.endpoint("http://127.0.0.1/")
    rotate = office.webhooks.endpoints.rotate_secret
    for _ in range(MOST_SECRETS - 1):
        await rotate(office.caller, endpoint.id, timedelta(days=30))
    with pytest.raises(InvalidInput):
        await rotate(office.caller, endpoint.id, timedelta(days=30))
    await rotate(office.caller, endpoint.id, timedelta(0))
    await rotate(office.caller, endpoint.id, timedelta(days=30))


async def test_another_organization_sees_no_endpoint_and_no_delivery(office: Office) -> None:
    stranger = Caller(new_id(), None, None, frozenset({"*"}))
    async with receiving() as receiver:
        endpoint, _ = await office.endpoint(receiver.url)
        await office.publish()
        delivery = await office.one(WebhookDelivery)
        for attempt in (
            office.webhooks.test(stranger, endpoint.id),
            office.webhooks.replay(stranger, delivery.id),
            office.webhooks.replay_failed(stranger, endpoint.id, office.clock()),
            office.webhooks.endpoints.update(stranger, endpoint.id, enabled=False),
            office.webhooks.endpoints.delete(stranger, endpoint.id),
            office.webhooks.endpoints.rotate_secret(stranger, endpoint.id, timedelta(0)),
        ):
            with pytest.raises(NotFound):
                await attempt


async def test_under_another_instances_secret_nothing_is_sent_unsigned(office: Office) -> None:
    async with receiving() as receiver:
        await office.endpoint(receiver.url)
        await office.publish()
        other = Webhooks(office.database, b"o" * 32, allow_private=True, clock=office.clock)
        await other.dispatcher.deliver_due()
        await other.close()
        assert receiver.received == []
        assert (await office.one(WebhookAttempt)).error_code == AttemptError.INTERNAL
        office.clock.forward(seconds=6)
        await office.deliver()
    assert len(receiver.received) == 1
    assert SECRET not in receiver.received[0].body


async def test_what_is_old_is_swept_with_its_deliveries(office: Office) -> None:
    async with receiving() as receiver:
        await office.endpoint(receiver.url)
        await office.publish("job:old")
        await office.deliver()
        office.clock.forward(days=29)
        await office.publish("job:new")
        office.clock.forward(days=2)
        await office.webhooks.start()

        async def is_swept() -> bool:
            return len(await office.all(WebhookEvent)) == 1

        await until(is_swept)
    assert (await office.one(WebhookEvent)).key == "job:new"
    assert len(await office.all(WebhookDelivery)) == 1
