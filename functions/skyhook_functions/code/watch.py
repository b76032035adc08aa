"""Watches a sandbox's limits that no single process of it can be held to by the kernel."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from skyhook_functions.code.messages import LimitName, RunRequest
from skyhook_functions.code.sandbox import Sandbox

TICK_S = 0.025
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")


class Watch:
    """Kills a sandbox that goes beyond time, CPU time, memory or files, however slow its reader is."""

    def __init__(self, sandbox: Sandbox, request: RunRequest) -> None:
        self._sandbox = sandbox
        self._request = request
        self._started = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watch", daemon=True)
        self.limit: LimitName | None = None
        """The limit for which the sandbox was killed."""

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    @property
    def elapsed_ms(self) -> int:
        """Since the program was started."""
        return round((time.monotonic() - self._started) * 1000)

    def kill(self, limit: LimitName) -> None:
        """Ends the sandbox for a limit; the first one counts."""
        self.limit = self.limit or limit
        self._sandbox.kill()

    def _watch(self) -> None:
        while not self._over.wait(TICK_S):
            limit = self._broken()
            if limit is not None:
                self.kill(limit)
                return

    def _broken(self) -> LimitName | None:
        if self.elapsed_ms >= self._request.seconds * 1000:
            return "time"
        if self._sandbox.has_too_many_files():
            return "files"
        processes = list(self._sandbox.processes())
        if sum(map(_cpu_s, processes)) > self._request.seconds:
            return "cpu"
        at_most = self._request.memory_mib << 20
        # What is resident counts shared memory once for each process: quick to read, and never too little.
        if sum(map(_resident_bytes, processes)) > at_most and sum(map(_memory_bytes, processes)) > at_most:
            return "memory"
        return None


def _cpu_s(pid: int) -> float:
    """CPU time of a process and of those that it has waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / TICKS_A_SECOND


def _resident_bytes(pid: int) -> int:
    """Memory of a process, all of what it shares included."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_bytes().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def _memory_bytes(pid: int) -> int:
    """Memory of a process, its part of what it shares included; all that it shares where no part is told."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) << 10
    return _resident_bytes(pid)
