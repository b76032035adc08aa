"""What a container does for a call that nobody is connected to."""

from __future__ import annotations

import modal

from skyhook.compute.modal.body import Body
from skyhook.compute.modal.claims import Claims
from skyhook.compute.modal.errors import ContainerFailed
from skyhook.compute.modal.events import EventWriter


class Detached:
    """The detached calls of one container."""

    def __init__(self, body: Body) -> None:
        self._body = body
        self._claims = Claims()

    async def run(
        self, method: str, argument: bytes, timeout_s: float | None, token: str
    ) -> tuple[str, list[bytes]]:
        """The call that runs for the token, and where that is this one its replies.

        A call that Modal runs anew, since its container was taken away, finds that it holds the token.
        """
        call_id = modal.current_function_call_id() or ""
        try:
            holder = await self._claims.claim(token, call_id)
        except Exception as error:
            raise ContainerFailed(f"the call could not claim its token: {error}") from None
        if holder != call_id:
            return holder, []
        events = EventWriter(call_id)
        try:
            return call_id, await self._body.work(method, argument, timeout_s, events.write)
        finally:
            await events.close()
