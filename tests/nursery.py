"""Runs `skyhook` out of a process that has imported it already, since the tests run it hundreds of times.

What runs is the command itself, in a process of its own that shares nothing with the others; it takes a
fraction of the CPU time that its imports would cost each time. Each process of the tests has one nursery.
"""

from __future__ import annotations

import atexit
import functools
import gc
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

KILLED = -signal.SIGKILL


class Command:
    """A `skyhook` command that runs, as far as tests ask of a `subprocess.Popen`."""

    def __init__(self, pid: int, result: Path) -> None:
        self.pid = pid
        self._result = result
        self._handle: int | None = None
        with suppress(ProcessLookupError):  # it has ended
            self._handle = os.pidfd_open(pid)

    def poll(self) -> int | None:
        """Its exit status; None while it runs."""
        return self._ended(0)

    def wait(self, timeout: float | None = None) -> int:
        """Its exit status, once it has ended. Raises subprocess.TimeoutExpired after so many seconds."""
        status = self._ended(timeout)
        if status is None:
            raise subprocess.TimeoutExpired("skyhook", timeout or 0)
        return status

    def send_signal(self, number: int) -> None:
        """Signals it, if it runs still."""
        if self._handle is not None:
            with suppress(ProcessLookupError):
                signal.pidfd_send_signal(self._handle, number)

    def _ended(self, timeout: float | None) -> int | None:
        if self._handle is not None:
            waiting = select.poll()
            waiting.register(self._handle, select.POLLIN)
            if not waiting.poll(None if timeout is None else 1000 * timeout):
                return None
            os.close(self._handle)
            self._handle = None
        return int(self._result.read_text()) if self._result.exists() else KILLED


class Nursery:
    """The process that commands are forked from."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="skyhook-nursery-")
        self._started = 0
        self._one_at_a_time = threading.Lock()
        self._process = subprocess.Popen(
            [sys.executable, "-m", __name__],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1],
        )  # fmt: skip
        atexit.register(self.close)

    def start(
        self, arguments: Sequence[str], environment: Mapping[str, str], out: Path, errors: Path
    ) -> Command:
        """Begins a command; what it prints is added to two files, or to one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._one_at_a_time:
            self._started += 1
            result = Path(self._folder.name, str(self._started))
            order = {
                "arguments": list(arguments), "environment": dict(environment), "folder": os.getcwd(),
                "out": str(out), "errors": str(errors), "result": str(result),
            }  # fmt: skip
            self._process.stdin.write(json.dumps(order) + "\n")
            self._process.stdin.flush()
            return Command(int(self._process.stdout.readline()), result)

    def run(self, arguments: Sequence[str], environment: Mapping[str, str]) -> tuple[int, str, str]:
        """Runs a command to its end: its exit status, and what it printed and complained of."""
        with tempfile.TemporaryDirectory() as folder:
            out, errors = Path(folder, "out"), Path(folder, "errors")
            status = self.start(arguments, environment, out, errors).wait()
            return status, out.read_text(), errors.read_text()

    def close(self) -> None:
        """Begins no more; what runs goes on."""
        self._process.communicate()
        self._folder.cleanup()


@functools.cache
def nursery() -> Nursery:
    """That of this process."""
    return Nursery()


def become(order: dict[str, Any]) -> None:
    """Runs the command in this process."""
    for path, number in ((order["out"], 1), (order["errors"], 2)):
        with Path(path).open("ab", buffering=0) as file:
            os.dup2(file.fileno(), number)
    with Path(os.devnull).open("rb") as nothing:
        os.dup2(nothing.fileno(), 0)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.path[1:1] = [path for path in order["environment"].get("PYTHONPATH", "").split(os.pathsep) if path]
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    status: int | str | None = 1
    try:
        from skyhook.cli import main

        main(order["arguments"], prog_name="python -m skyhook")
    except SystemExit as ended:
        status = ended.code
        raise
    finally:
        code = status if isinstance(status, int) else 0 if status is None else 1
        Path(order["result"]).write_text(str(code))


def import_all() -> None:
    """Imports what a server imports, also once it runs."""
    import dbos  # noqa: F401

    from skyhook.app import create_app
    from skyhook.cli.run import build_services

    with tempfile.TemporaryDirectory() as folder:
        os.environ["SKYHOOK_DATA"] = folder
        create_app(build_services())
    gc.collect()
    gc.freeze()


def main() -> None:
    """Forks a process for each line of its input, and prints its number."""
    import_all()
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for them but by looking
    while line := sys.stdin.readline():
        pid = os.fork()
        if pid == 0:
            return become(json.loads(line))
        print(pid, flush=True)
    return None


if __name__ == "__main__":
    main()
