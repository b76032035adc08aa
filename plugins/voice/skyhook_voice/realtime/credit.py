"""What a session hears is held in slices before it is listened to, and charged as each is used up."""

from __future__ import annotations

import asyncio

from msgspec import Struct

from skyhook.plugin import Asked, Call, Operations, WebSocket
from skyhook_voice.meters import HEARD_MS

OPERATION = "voiceTalk"
SLICE_MS = 10_000


class Used(Struct, frozen=True):
    """How much of a slice was used."""

    milliseconds: int


class HearingCredit:
    """The slice of one session that is held now."""

    def __init__(self, socket: WebSocket, operations: Operations) -> None:
        self._socket = socket
        self._operations = operations
        self._call: asyncio.Task[object] | None = None
        self._used: asyncio.Future[Used]
        self._taken_ms = 0

    async def take(self, milliseconds: int) -> None:
        """Takes so much of the slice, at most its length; opens another one where it does not suffice.

        Raises INSUFFICIENT_CREDIT, BUDGET_EXCEEDED, and what `WebSocket.admit` does.
        """
        if self._call is None or self._taken_ms + milliseconds > SLICE_MS:
            await self.settle()
            await self._open()
        self._taken_ms += milliseconds

    async def settle(self) -> None:
        """Charges what was taken of the slice; the rest is given back."""
        call, self._call = self._call, None
        if call is not None:
            self._used.set_result(Used(self._taken_ms))
            await call

    async def _open(self) -> None:
        caller = await self._socket.admit()
        self._taken_ms = 0
        self._used = asyncio.get_running_loop().create_future()
        held = asyncio.Event()

        async def body(call: Call) -> Used:
            held.set()
            used = await self._used
            if used.milliseconds:
                call.quantities[HEARD_MS] = used.milliseconds
            return used

        asked = Asked(caller, OPERATION, None, {HEARD_MS: SLICE_MS})
        running = asyncio.create_task(self._operations.run(asked, Used, body))
        waiting = asyncio.create_task(held.wait())
        try:
            await asyncio.wait((running, waiting), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            running.cancel()
            raise
        finally:
            waiting.cancel()
        if running.done():
            running.result()
        self._call = running
