"""Starts servers out of a process that has imported Skyhook already: they are started hundreds of times.

What runs is `skyhook serve`, in a process of its own that shares nothing with the others; a start takes a
fraction of the CPU time that imports would cost each time.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from tests.serving import Server

START_S = 300
"""For a machine on which others work too."""
ENDS_S = 60


class Nursery:
    """The process that servers are forked from."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.trust.warm"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip

    def start(self, environment: dict[str, str], log: Path) -> int:
        """The process id of a new server."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._process.stdin.write(json.dumps({"environment": environment, "log": str(log)}) + "\n")
            self._process.stdin.flush()
            return int(self._process.stdout.readline())

    def close(self) -> None:
        """Starts no more; the servers must have ended."""
        self._process.communicate()


class Forked:
    """A server's process, as far as `Server` asks of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def poll(self) -> int | None:
        """None while it runs."""
        return None if is_alive(self.pid) else 0

    def send_signal(self, number: int) -> None:
        """Signals a server that runs."""
        if is_alive(self.pid):
            os.kill(self.pid, number)

    def wait(self, timeout: float = ENDS_S) -> int:
        """Returns when it has ended."""
        deadline = time.monotonic() + timeout
        while is_alive(self.pid):
            if time.monotonic() > deadline:
                raise subprocess.TimeoutExpired("skyhook serve", timeout)
            time.sleep(0.01)
        return 0


class WarmServer(Server):
    """A server that is forked, and waited for with patience."""

    nursery: Nursery

    def start(self) -> None:
        """Starts it and waits until it is ready."""
        self.process = Forked(self.nursery.start(self.variables(), self.data / "server.log"))  # type: ignore[assignment]
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process is not None and self.process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health/ready", timeout=30) as answer:  # noqa: S310
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError(f"the server did not start:\n{self.log()}")


def is_alive(pid: int) -> bool:
    """Whether a process runs still."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def serve(order: dict[str, Any]) -> None:
    """Becomes a server."""
    from skyhook.cli import main

    with Path(order["log"]).open("ab", buffering=0) as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.environ.clear()
    os.environ.update(order["environment"])
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    main(["serve"])


def run() -> None:
    """Forks a server for each line of its input; prints the process's id."""
    import dbos  # noqa: F401 - what a server imports once it runs

    from skyhook.app import create_app
    from skyhook.cli.run import build_services

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SKYHOOK_DATA"] = folder
        create_app(build_services())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them but by looking
    for line in sys.stdin:
        pid = os.fork()
        if pid == 0:
            try:
                serve(json.loads(line))
            finally:
                os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    run()
