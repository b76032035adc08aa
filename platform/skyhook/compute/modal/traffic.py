"""One function's calls as this server makes them: how many there are, and whether they may be made at all."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from skyhook.compute.backend import WorkerState, WorkerStatus
from skyhook.compute.backlog import Backlog
from skyhook.compute.breaker import Breaker
from skyhook.compute.errors import FunctionInterrupted, FunctionUnavailable
from skyhook.compute.modal.connections import Connections
from skyhook.compute.modal.errors import ModalUnreachable
from skyhook.compute.modal.translation import translated
from skyhook.compute.modal.watch import Watch
from skyhook.function import FunctionSpec

BREAKS = (FunctionInterrupted, FunctionUnavailable, ModalUnreachable)
"""The errors that are not the call's own: several in a row, and the function is left alone for a while."""


class Traffic:
    """The calls of one function."""

    def __init__(self, spec: FunctionSpec, handle: Callable[[Any], Any], watch: Watch) -> None:
        """`handle` gives what the function is called by, for a client or None."""
        self.spec = spec
        self.handle = handle(None)
        """For what does not take long."""
        self.connections = Connections(handle)
        """For what is waited for."""
        self._watch = watch
        # A stranger's program can end its machine, and must not keep others from theirs.
        self._breaks = tuple({*BREAKS} - {FunctionInterrupted} if spec.isolated else BREAKS)
        self._breaker = Breaker()
        self._backlog = Backlog()
        self._collected = 0
        self._mean_s = 0.0
        self._last_error: str | None = None

    @contextmanager
    def interactive(self, size: int) -> Iterator[None]:
        """A call that somebody waits for, with an argument of `size` bytes.

        Raises FunctionBusy, FunctionUnavailable and ModalUnreachable, and what is raised within as the
        platform's errors.
        """
        self._watch.admit()
        self._admit()
        self._backlog.enter(size, self._mean_s)
        began = time.monotonic()
        try:
            with self._watched():
                yield
            self.passed()
            self._mean_s += 0.1 * (time.monotonic() - began - self._mean_s)
        finally:
            self._backlog.leave(size)

    @contextmanager
    def spawning(self) -> Iterator[None]:
        """A detached call is begun: FunctionBusy is not for it, since jobs have a queue."""
        self._admit()
        with self._watched():
            yield

    @contextmanager
    def collecting(self) -> Iterator[None]:
        """A detached call is waited for. Raises what is raised within as the platform's errors."""
        self._collected += 1
        try:
            with self._watched():
                yield
            self.passed()
        finally:
            self._collected -= 1

    def passed(self) -> None:
        """The function has answered."""
        self._breaker.passed()
        self._watch.heard()

    def status(self) -> WorkerStatus:
        """What is known of the function here. Containers are Modal's to count."""
        in_flight = self._backlog.calls + self._collected
        return WorkerStatus(
            function=self.spec.name,
            state="failed" if self._breaker.is_open else "busy" if in_flight else self._idle_state,
            pid=None,
            in_flight=in_flight,
            queued=0,
            rss_bytes=0,
            restarts=0,
            load_s=None,
            last_error=self._last_error,
        )

    @property
    def _idle_state(self) -> WorkerState:
        return "stopped" if self.spec.isolated else "warm"

    def _admit(self) -> None:
        if wait_s := self._breaker.wait_s():
            raise FunctionUnavailable(
                "The function failed several calls in a row and is left alone for a while. Try again later.",
                retry_after_s=max(1.0, round(wait_s, 1)),
            )

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:
            known = translated(error, self.spec.name)
            if isinstance(known, self._breaks):
                self._breaker.failed()
            if isinstance(known, ModalUnreachable):
                self._watch.missed()
            if known is error:
                raise
            self._last_error = f"{type(error).__name__}: {error}"
            raise known from error
