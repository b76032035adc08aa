"""What ties a worker to its server and keeps it within its memory."""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import sys
from pathlib import Path

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
GIB = 1 << 30


def die_with_server(lifeline: int) -> None:
    """Has the kernel kill the worker's whole process group once the pipe's other end is closed.

    The server holds that end, so this also works where the server was killed with -9, where the worker
    is stuck in native code, and for processes that the worker has started (PR_SET_PDEATHSIG would leave
    those behind). Where the system cannot do this the worker ends when it reads its connection's end.
    """
    os.set_inheritable(lifeline, False)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
            fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
            fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        sys.exit("the server ended while this worker started")


def limit_memory(limit: int) -> None:
    """Refuses allocations far beyond the limit, and offers the worker to the kernel's OOM killer first.

    The limit itself is held by the server's watchdog, on resident memory: torch and CUDA reserve far more
    address space than they use, so a tight limit on that would break them.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):  # some containers forbid it
            Path("/proc/self/oom_score_adj").write_text("500")
        if not os.path.exists("/dev/nvidiactl"):
            _, hard = resource.getrlimit(resource.RLIMIT_DATA)
            soft = 2 * limit + 4 * GIB
            resource.setrlimit(resource.RLIMIT_DATA, (soft if hard < 0 else min(soft, hard), hard))


def resident_bytes(pid: int) -> int:
    """A process's resident memory; 0 where it has ended or the system has no /proc."""
    try:
        with open(f"/proc/{pid}/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE_BYTES
    except (OSError, IndexError):
        return 0


def oom_kills() -> int:
    """How often the kernel has killed a process for want of memory since the machine started."""
    try:
        with open("/proc/vmstat", "rb") as file:
            for line in file:
                if line.startswith(b"oom_kill "):
                    return int(line.split()[1])
    except OSError:
        pass
    return 0
