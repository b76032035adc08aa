"""One call inside a worker: its cancellation, its interruption, and how far its stream may run ahead."""

from __future__ import annotations

import ctypes
import threading
from types import TracebackType

from skyhook.compute.protocol import STREAM_WINDOW_BYTES


class Stopped(BaseException):
    """Raised inside a body that ran longer than it may. Not an Exception, so that bodies let it pass."""


def _interrupt(thread: int, exception: type[BaseException] | None) -> None:
    """Makes a thread raise at its next bytecode; with None, takes back what was not raised yet."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(
        ctypes.c_ulong(thread), ctypes.py_object(exception) if exception else None
    )


class Running:
    """A call that was received and has not been answered.

    Its body, and nothing else, runs inside `with running`: only there may `Stopped` be raised, so that it
    never leaves a reply half written.
    """

    def __init__(self, call_id: int) -> None:
        self.id = call_id
        self._credit = STREAM_WINDOW_BYTES
        self._cancelled = False
        self._forced = False
        self._thread: int | None = None
        self._changed = threading.Condition(threading.Lock())

    def __enter__(self) -> Running:
        with self._changed:
            self._thread = threading.get_ident()
            forced = self._forced
        if forced:
            raise Stopped
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._changed:
            thread, self._thread = self._thread, None
            forced = self._forced
        if forced and thread is not None:
            _interrupt(thread, None)

    def cancel(self, *, force: bool) -> None:
        """Ends the call's stream at its next chunk; with `force`, also raises `Stopped` in its body."""
        with self._changed:
            self._cancelled = True
            self._changed.notify()
            if force and not self._forced:
                self._forced = True
                if self._thread is not None:
                    _interrupt(self._thread, Stopped)

    def add_credit(self, size: int) -> None:
        """The reader has taken `size` bytes."""
        with self._changed:
            self._credit += size
            self._changed.notify()

    def take_credit(self, size: int) -> bool:
        """Waits until a chunk may be sent, and counts it; False where the call was cancelled.

        A chunk may be sent while any credit is left, so that one larger than the window can pass.
        """
        with self._changed:
            while self._credit <= 0 and not self._cancelled:
                self._changed.wait()
            self._credit -= size
            return not self._cancelled
