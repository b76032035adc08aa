"""A call on the server's side, from when it is made until its last reply."""

from __future__ import annotations

import asyncio
from collections import deque

import msgspec


class PendingCall:
    """What every call has that waits for a worker or runs in one."""

    def __init__(self, call_id: int, frame: bytes, timeout_s: float) -> None:
        self.id = call_id
        self.frame = frame
        """What is sent to the worker; empty once it was."""
        self.timeout_s = timeout_s
        self.started_at = 0.0
        """When it was sent, in seconds of the loop's clock."""
        self.stopping_at: float | None = None
        """When the worker was told to stop it because it ran too long."""

    def finish(self, value: msgspec.Raw | None) -> None:
        """The method has returned, or its generator has ended."""
        raise NotImplementedError

    def fail(self, error: Exception) -> None:
        """The call ends in an error, unless it has ended already."""
        raise NotImplementedError


class UnaryCall(PendingCall):
    """A call with one result, which its caller awaits."""

    def __init__(self, call_id: int, frame: bytes, timeout_s: float) -> None:
        super().__init__(call_id, frame, timeout_s)
        self.result: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()

    def finish(self, value: msgspec.Raw | None) -> None:
        if not self.result.done() and value is not None:
            self.result.set_result(value)

    def fail(self, error: Exception) -> None:
        if not self.result.done():
            self.result.set_exception(error)


class StreamCall(PendingCall):
    """A call of a generator method: the chunks that have arrived and were not taken yet."""

    def __init__(self, call_id: int, frame: bytes, timeout_s: float) -> None:
        super().__init__(call_id, frame, timeout_s)
        self.ended = False
        self._chunks: deque[tuple[msgspec.Raw, int]] = deque()
        self._error: Exception | None = None
        self._arrival: asyncio.Future[None] | None = None

    def add(self, value: msgspec.Raw, size: int) -> None:
        """A chunk has arrived in a frame of `size` bytes."""
        self._chunks.append((value, size))
        self._wake()

    def finish(self, value: msgspec.Raw | None) -> None:
        self.ended = True
        self._wake()

    def fail(self, error: Exception) -> None:
        if not self.ended:
            self._error = error
            self.finish(None)

    async def take(self) -> tuple[msgspec.Raw, int] | None:
        """The next chunk and its size; None at the end. Raises the call's error after its last chunk."""
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self.ended:
                return None
            self._arrival = asyncio.get_running_loop().create_future()
            await self._arrival
        return self._chunks.popleft()

    def _wake(self) -> None:
        if self._arrival is not None and not self._arrival.done():
            self._arrival.set_result(None)
