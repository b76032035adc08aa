"""Runs work that reports its progress in a thread of its own, so that a stream can be closed at any time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

from msgspec.structs import replace

from skyhook_functions.imagine.messages import Progress

T = TypeVar("T")

HEARTBEAT_S = 0.5
"""A generator can be closed only when it has yielded: while nothing happens it repeats itself this often."""


class Closed(Exception):
    """Raised in the work by `Reporter` once nobody waits for its result."""


class Reporter(Generic[T]):
    """How work says how far it is, and hears that nobody listens any more."""

    def __init__(self) -> None:
        self._events: queue.SimpleQueue[Progress | T | BaseException | None] = queue.SimpleQueue()
        self._closed = threading.Event()

    def send(self, event: Progress | T) -> None:
        """Gives an event to whoever reads the stream. Raises Closed."""
        self.check()
        self._events.put(event)

    def check(self) -> None:
        """Raises Closed where the stream was closed."""
        if self._closed.is_set():
            raise Closed

    def run(self, work: Callable[[Reporter[T]], None]) -> None:
        """Runs the work; the stream ends with it, and with what it raises."""
        try:
            work(self)
            self._events.put(None)
        except BaseException as error:  # it belongs to the thread that reads
            self._events.put(error)

    def read(self) -> Iterator[Progress | T]:
        """The events until the work's end, with the last Progress again where there is none for a while."""
        last = Progress(step=0, steps=0)
        while True:
            try:
                event = self._events.get(timeout=HEARTBEAT_S)
            except queue.Empty:
                yield last
                continue
            if event is None:
                return
            if isinstance(event, BaseException):
                raise event
            if isinstance(event, Progress):
                last = replace(event, preview=None)
            yield event

    def close(self) -> None:
        """Makes the work end the next time that it reports or checks."""
        self._closed.set()


def in_background(work: Callable[[Reporter[T]], None]) -> Iterator[Progress | T]:
    """What the work reports while it runs in a thread. Closing it ends the work and waits for that."""
    reporter: Reporter[T] = Reporter()
    thread = threading.Thread(target=reporter.run, args=(work,), name="imagine", daemon=True)
    thread.start()
    try:
        yield from reporter.read()
    finally:
        reporter.close()
        thread.join()
