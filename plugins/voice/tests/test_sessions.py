"""What a session refuses, what it survives, how it is paid for, and how it ends."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from calling import calling
from minds import Mind
from speech import balance
from tests.http.test_keys import create
from tests.serving import Server
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

CHARACTER, MILLISECOND = 1_000, 20
SECOND = base64.b64encode(bytes(48_000)).decode()


@asynccontextmanager
async def opened(
    server: Server, key: str | None = None, path: str = "?model=mind", **options: Any
) -> AsyncIterator[ClientConnection]:
    """A bare connection to a session."""
    headers = options.pop("headers", {"Authorization": f"Bearer {key or server.key}"})
    address = f"{server.address.replace('http', 'ws')}/p/voice/v1/realtime{path}"
    async with connect(address, additional_headers=headers, **options) as socket:
        yield socket


async def event(socket: ClientConnection, type: str) -> dict[str, Any]:
    """The next event of a type."""
    async with asyncio.timeout(20):
        while True:
            found: dict[str, Any] = json.loads(await socket.recv())
            if found["type"] == type:
                return found


async def ending(socket: ClientConnection) -> tuple[list[str], int | None, str]:
    """The codes of the last error events, and how the session is closed."""
    codes = []
    try:
        async with asyncio.timeout(20):
            while True:
                found = json.loads(await socket.recv())
                if found["type"] == "error":
                    codes.append(found["error"]["code"])
    except ConnectionClosed:
        pass
    return codes, socket.close_code, socket.close_reason or ""


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("no json", "REALTIME_EVENT_INVALID"),
        (b"\x00\x01", "REALTIME_EVENT_INVALID"),
        ("[" * 10_000, "REALTIME_EVENT_INVALID"),
        ('{"type": "no.such.event", "event_id": "e1"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "input_audio_buffer.append", "audio": "not base64!"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "input_audio_buffer.append", "audio": "AAAA"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "input_audio_buffer.commit"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "response.cancel"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "conversation.item.delete", "item_id": "item_x"}', "REALTIME_EVENT_INVALID"),
        ('{"type": "conversation.item.create", "item": {"type": "message"}}', "REALTIME_EVENT_INVALID"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}}',
            "REALTIME_EVENT_INVALID",
        ),
        ('{"type": "session.update", "session": {"audio": {"output": {"voice": "marin"}}}}', "INVALID_INPUT"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"transcription": {"model": "w"}}}}}',
            "MODEL_NOT_FOUND",
        ),
    ],
)
async def test_a_wrong_event_is_answered_with_an_error_and_the_session_lives(
    server: Server, mind: Mind, message: str | bytes, code: str
) -> None:
    async with opened(server) as socket:
        await socket.send(message)
        error = (await event(socket, "error"))["error"]
        assert error["code"] == code, error
        assert error["event_id"] == ("e1" if isinstance(message, str) and "e1" in message else None)
        await socket.send('{"type": "session.update", "session": {"instructions": "Be kind."}}')
        updated = await event(socket, "session.updated")
        assert updated["session"]["instructions"] == "Be kind."
        assert updated["session"]["audio"]["output"]["voice"] == "en-us"


async def test_a_message_that_is_too_large_ends_the_session(server: Server, mind: Mind) -> None:
    async with opened(server) as socket:
        await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": "A" * (1 << 20)}))
        _, code, _ = await ending(socket)
        assert code == 1009


async def test_a_handshake_needs_a_key_with_the_scope_and_a_model(server: Server, mind: Mind) -> None:
    narrow = create(server, scopes=["voice:speak"])["secret"]
    for options, status in (({"headers": {}}, 401), ({"key": narrow}, 403)):
        with pytest.raises(InvalidStatus) as caught:
            async with opened(server, **options):
                pass
        assert caught.value.response.status_code == status
    for path, reason in (("", "INVALID_INPUT"), ("?model=nobody", "MODEL_NOT_FOUND")):
        async with opened(server, path=path) as socket:
            assert (await ending(socket))[2].startswith(reason)


async def test_a_browser_sends_its_key_as_openais_clients_do(server: Server, mind: Mind) -> None:
    offered = [Subprotocol("realtime"), Subprotocol(f"openai-insecure-api-key.{server.key}")]
    async with opened(server, headers={}, subprotocols=offered) as socket:
        assert socket.subprotocol == "realtime"
        created = await event(socket, "session.created")
        assert created["session"]["model"] == "mind"


async def test_what_is_heard_and_spoken_is_charged_exactly(server: Server, mind: Mind) -> None:
    mind.script = {"hello": "Hello there."}
    key = create(server, scopes=["voice:talk", "chat:complete"])["secret"]
    before = balance(server)
    async with calling(server, "mind", microphone=False, key=key) as caller:
        for _ in range(3):
            await caller.connection.input_audio_buffer.append(audio=SECOND)
        item = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hello"}]}
        await caller.connection.conversation.item.create(item=item)
        await caller.connection.response.create()
        done = await caller.wait("response.done")
    spoken = len(done.response.output[0].content[0].transcript)
    cost = int(done.response.metadata["cost_nano_usd"])
    thought = cost - spoken * CHARACTER
    assert thought == 9 * 100 + 2 * 400
    expected = before - cost - 3_000 * MILLISECOND
    async with asyncio.timeout(10):
        while await asyncio.to_thread(balance, server) != expected:  # noqa: ASYNC110 (of another process)
            await asyncio.sleep(0.05)


async def test_a_session_ends_with_an_error_when_the_keys_budget_is_out(server: Server, mind: Mind) -> None:
    budget = 15_000 * MILLISECOND
    key = create(server, monthlyBudget=str(budget))["secret"]
    async with opened(server, key) as socket:
        for _ in range(25):
            await socket.send(json.dumps({"type": "input_audio_buffer.append", "audio": SECOND}))
        codes, code, reason = await ending(socket)
    assert (codes, code) == (["BUDGET_EXCEEDED"], 1008)
    assert reason.startswith("BUDGET_EXCEEDED: ")


async def test_a_mind_that_the_key_may_not_ask_ends_the_session(server: Server, mind: Mind) -> None:
    key = create(server, scopes=["voice:talk"])["secret"]
    async with opened(server, key) as socket:
        await socket.send('{"type": "response.create"}')
        done = await event(socket, "response.done")
        assert done["response"]["status"] == "failed"
        assert done["response"]["status_details"]["error"]["code"] == "SCOPE_MISSING"
        assert (await ending(socket))[0] == ["SCOPE_MISSING"]


async def test_a_session_that_is_idle_is_closed(bare_server: Server) -> None:
    async with opened(bare_server, path="?model=skyhook-small") as socket:
        codes, code, _ = await ending(socket)
    assert (codes, code) == (["REALTIME_SESSION_ENDED"], 1008)


async def test_a_session_that_goes_on_too_long_is_closed_though_it_is_not_idle(bare_server: Server) -> None:
    async def stay(socket: ClientConnection) -> int:
        sent = 0
        with suppress(ConnectionClosed):
            while True:
                await socket.send('{"type": "input_audio_buffer.clear"}')
                sent += 1
                await asyncio.sleep(0.3)
        return sent

    async with opened(bare_server, path="?model=skyhook-small") as socket:
        (codes, code, _), sent = await asyncio.gather(ending(socket), stay(socket))
    assert (codes, code) == (["REALTIME_SESSION_ENDED"], 1008)
    assert sent > 5  # longer than a session may be idle
