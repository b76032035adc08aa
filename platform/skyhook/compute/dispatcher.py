"""Which of a function's calls run and which wait; knows nothing of processes."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable

from skyhook.compute import errors, protocol
from skyhook.compute.backlog import Backlog
from skyhook.compute.calls import PendingCall, StreamCall
from skyhook.compute.failures import error_of
from skyhook.errors import SkyhookError

STOP_GRACE_S = 1.0
"""How long a call that ran too long may take to stop before its worker must be killed."""

logger = logging.getLogger("skyhook.compute")


class Dispatcher:
    """Sends at most `concurrency` calls at a time to a worker, first come, first served."""

    def __init__(self, function: str, concurrency: int) -> None:
        self._function = function
        self._concurrency = concurrency
        self._loop = asyncio.get_running_loop()
        self._send: Callable[[bytes], None] | None = None
        self._queue: deque[PendingCall] = deque()
        self._backlog = Backlog()
        self._in_flight: dict[int, PendingCall] = {}
        self._stopping = 0
        self._mean_s = 0.0
        self._idle_since = 0.0

    @property
    def queued(self) -> int:
        return len(self._queue)

    @property
    def in_flight(self) -> int:
        return len(self._in_flight)

    def idle_s(self, now: float) -> float:
        """For how long the worker has had nothing to do."""
        return 0.0 if self._in_flight else now - self._idle_since

    def submit(self, call: PendingCall) -> None:
        """Lets a call wait for its turn, which may come at once. Raises FunctionBusy."""
        self._backlog.enter(len(call.frame), self._mean_s * len(self._queue) / self._concurrency)
        self._queue.append(call)
        self._dispatch()

    def abandon(self, call: PendingCall) -> None:
        """Nobody waits for the call any more."""
        if call.id in self._in_flight:
            if call.stopping_at is None and self._send is not None:
                self._send(protocol.frame(protocol.Cancel(call.id, force=False)))
        elif call in self._queue:
            self._queue.remove(call)
            self._backlog.leave(len(call.frame))

    def grant(self, call: StreamCall, size: int) -> None:
        """The stream's reader has taken `size` bytes."""
        if call.id in self._in_flight and self._send is not None:
            self._send(protocol.frame(protocol.Credit(call.id, size)))

    def attach(self, send: Callable[[bytes], None]) -> None:
        """A worker is ready; `send` sends it a frame."""
        self._send = send
        self._idle_since = self._loop.time()
        self._dispatch()

    def detach(self, error: Callable[[], SkyhookError]) -> None:
        """The worker has ended: the calls in flight end in an error, those that wait go on waiting."""
        self._send = None
        interrupted, self._in_flight, self._stopping = self._in_flight, {}, 0
        for call in interrupted.values():
            call.fail(error())

    def refuse_queued(self, error: Callable[[], SkyhookError]) -> None:
        """Ends the calls that wait."""
        refused, self._queue, self._backlog = self._queue, deque(), Backlog()
        for call in refused:
            call.fail(error())

    def stop_overdue(self, now: float) -> bool:
        """Ends the calls that ran too long; True where one does not stop and so the worker must be killed.

        No call is sent while one is being stopped, since it would be killed with it.
        """
        for call in self._in_flight.values():
            if call.stopping_at is not None:
                if now - call.stopping_at > STOP_GRACE_S:
                    return True
            elif now - call.started_at > call.timeout_s and self._send is not None:
                call.stopping_at = now
                self._stopping += 1
                call.fail(errors.FunctionTimeout(f"The call ran longer than {call.timeout_s:g} seconds."))
                self._send(protocol.frame(protocol.Cancel(call.id, force=True)))
        return False

    def receive(self, reply: protocol.Reply, size: int) -> None:
        """Takes a worker's reply to a call, which came in a frame of `size` bytes."""
        if isinstance(reply, protocol.Ready | protocol.LoadFailed):
            raise TypeError("the worker has said before how its load went")
        call = self._in_flight.get(reply.id)
        if call is None:  # its worker was being killed when this was sent
            return
        if isinstance(reply, protocol.RawChunk):
            assert isinstance(call, StreamCall)
            call.add(reply.value, size)
            return
        del self._in_flight[reply.id]
        self._stopping -= call.stopping_at is not None
        self._idle_since = now = self._loop.time()
        self._mean_s += 0.1 * (now - call.started_at - self._mean_s)
        if isinstance(reply, protocol.Failed):
            call.fail(error_of(self._function, reply))
        else:
            call.finish(reply.value if isinstance(reply, protocol.RawResult) else None)
        self._dispatch()

    def _dispatch(self) -> None:
        if self._send is None or self._stopping:
            return
        while self._queue and len(self._in_flight) < self._concurrency:
            call = self._queue.popleft()
            self._backlog.leave(len(call.frame))
            call.started_at = self._loop.time()
            self._in_flight[call.id] = call
            self._send(call.frame)
            call.frame = b""
