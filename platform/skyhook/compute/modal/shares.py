"""How long each call kept its container: calls that run at a time divide the time among them.

A container is paid for once, however many calls it serves. While `n` of them run, each has the `n`th part of
what passes; so the shares of all calls add up to the time in which there was any.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from skyhook.compute.protocol import Ran


@dataclass(frozen=True, slots=True)
class Share:
    """A call that runs: what one call had when it began."""

    seconds: float
    core_seconds: float


class Shares:
    """The calls of one container."""

    def __init__(
        self,
        gpu: str,
        clock: Callable[[], float] = time.monotonic,
        cores: Callable[[], float] = time.process_time,
    ) -> None:
        """`gpu` is the one that the container has; `cores` tells the processor time that it has used."""
        self._gpu = gpu
        self._clock = clock
        self._cores = cores
        self._running = 0
        self._seconds = self._core_seconds = 0.0
        self._seen_at = self._seen_cores = 0.0
        self._lock = threading.Lock()

    def begin(self) -> Share:
        """A call runs from now on."""
        with self._lock:
            self._advance()
            self._running += 1
            return Share(self._seconds, self._core_seconds)

    def so_far(self, share: Share) -> Ran:
        """What a call has had until now."""
        with self._lock:
            self._advance()
            return Ran(self._seconds - share.seconds, self._core_seconds - share.core_seconds, self._gpu)

    def end(self) -> None:
        """A call has ended."""
        with self._lock:
            self._advance()
            self._running -= 1

    def _advance(self) -> None:
        """Adds what has passed to what one call has."""
        now, cores = self._clock(), self._cores()
        if self._running:
            self._seconds += (now - self._seen_at) / self._running
            self._core_seconds += (cores - self._seen_cores) / self._running
        self._seen_at, self._seen_cores = now, cores
