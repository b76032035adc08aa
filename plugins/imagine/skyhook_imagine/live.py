"""Live sessions: frame after frame, each made from the one before, of a prompt that may change on the way."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from datetime import timedelta
from uuid import UUID

from msgspec import Struct
from sqlalchemy import delete, select, update

from skyhook.plugin import (
    Asked,
    Call,
    Caller,
    Database,
    Notary,
    Operations,
    Provenance,
    new_id,
    now,
)
from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import Image, ImageRequest
from skyhook_imagine.errors import LiveSessionNotFound
from skyhook_imagine.meters import IMAGES
from skyhook_imagine.requests import Generate
from skyhook_imagine.tables import LiveSession

LONGEST_S = 5 * 60
MOST_FRAMES = 300
FORGOTTEN = timedelta(seconds=2 * LONGEST_S)
"""When the row of a session goes whose server died."""


class Live(Generate, frozen=True, kw_only=True, omit_defaults=True):
    """A live session; `count` is the most frames."""

    strength: float


class Frame(Struct, frozen=True, kw_only=True):
    """A frame, signed; the last event of a session has none, but what all of them cost."""

    session_id: UUID
    index: int
    prompt: str
    content: bytes | None = None
    cost: int | None = None


class LiveSessions:
    """Runs live sessions, and changes the prompts of those that run on any server."""

    def __init__(self, database: Database, operations: Operations, notary: Notary) -> None:
        self._database = database
        self._operations = operations
        self._notary = notary

    def stream(self, asked: Asked, charged: Callable[[int, int], None]) -> AsyncGenerator[Frame, None]:
        """The frames as they are made; a caller who goes away pays for those made until then."""
        session_id = new_id()

        def body(call: Call) -> AsyncGenerator[Frame, None]:
            return self._frames(call, session_id)

        def last(call: Call) -> Frame:
            made = call.quantities.get(IMAGES, 0)
            return Frame(session_id=session_id, index=made, prompt="", cost=call.cost)

        return self._operations.stream(asked, Frame, body, last, charged)

    async def change_prompt(self, caller: Caller, session_id: UUID, prompt: str) -> None:
        """What the frames from the next one on are made of. Raises LiveSessionNotFound."""
        async with self._database.write() as session:
            changed = await session.scalar(
                update(LiveSession)
                .where(LiveSession.id == session_id, LiveSession.organization_id == caller.organization_id)
                .values(prompt=prompt)
                .returning(LiveSession.id)
            )
        if changed is None:
            raise LiveSessionNotFound("This live session has ended; begin another one with imagineLive.")

    async def _frames(self, call: Call, session_id: UUID) -> AsyncGenerator[Frame, None]:
        request: Live = call.asked.arguments
        await self._begin(call.asked.caller, session_id, request.prompt)
        ends_at = time.monotonic() + LONGEST_S
        before: bytes | None = None
        try:
            for index in range(request.count):
                prompt = await self._prompt(session_id)
                if prompt is None or time.monotonic() > ends_at:
                    return
                before = await _made(call, request, prompt, index, before)
                call.quantities[IMAGES] = index + 1
                content = await self._signed(call, before)
                yield Frame(session_id=session_id, index=index, prompt=prompt, content=content)
        finally:
            await self._end(session_id)

    async def _signed(self, call: Call, content: bytes) -> bytes:
        assert call.asked.model is not None
        return await self._notary.sign(content, Provenance(call.asked.operation, call.asked.model.name))

    async def _begin(self, caller: Caller, session_id: UUID, prompt: str) -> None:
        async with self._database.write() as session:
            await session.execute(delete(LiveSession).where(LiveSession.created_at < now() - FORGOTTEN))
            session.add(LiveSession(id=session_id, organization_id=caller.organization_id, prompt=prompt))

    async def _prompt(self, session_id: UUID) -> str | None:
        async with self._database.read() as session:
            return await session.scalar(select(LiveSession.prompt).where(LiveSession.id == session_id))

    async def _end(self, session_id: UUID) -> None:
        async with self._database.write() as session:
            await session.execute(delete(LiveSession).where(LiveSession.id == session_id))


async def _made(call: Call, request: Live, prompt: str, index: int, before: bytes | None) -> bytes:
    assert call.asked.model is not None
    asked = ImageRequest(
        model=call.asked.model.location,
        prompt=prompt,
        negative_prompt=request.negative_prompt,
        width=request.width,
        height=request.height,
        seed=request.seed + index,
        steps=request.steps,
        guidance=request.guidance,
        init=before,
        strength=request.strength if before else None,
        previews=False,
    )
    made = b""
    async with aclosing(call.stream(ImageModel.generate, asked)) as events:
        async for event in events:
            if isinstance(event, Image):
                made = event.content
    return made
