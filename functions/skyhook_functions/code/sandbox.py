"""A program under bubblewrap, from its start to the end of all its processes."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from io import FileIO
from pathlib import Path
from types import TracebackType

from skyhook_functions.code.command import HOME, Channels, Command
from skyhook_functions.code.messages import RunRequest

NOBODY = 65534
"""Whom programs run as where the worker is root. With root's id, even without its powers, a program could
write what the kernel lets root write, such as the settings below /proc/sys.
"""


class CannotIsolate(Exception):
    """The sandbox was not set up, so the program was not started; the text says why."""


class Sandbox:
    """A program that waits behind its isolation for `release`.

    Everything in it ends with it: when the program ends, when `kill` is called, and when the worker dies.
    """

    def __init__(self, request: RunRequest, filters: Sequence[bytes]) -> None:
        """Sets it up. Raises CannotIsolate; nothing of the program has run then."""
        bubblewrap = shutil.which("bwrap")
        if bubblewrap is None:
            raise CannotIsolate("the program `bwrap` is not installed")
        self._opened = ExitStack()
        self.compiled = True
        try:
            self._start(Path(bubblewrap), request, filters)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self, bubblewrap: Path, request: RunRequest, filters: Sequence[bytes]) -> None:
        (info, to_info), (self._status, to_status), (go, self._go) = (self._pipe() for _ in range(3))
        channels = Channels(to_info.fileno(), to_status.fileno(), go.fileno())
        command = Command(bubblewrap, request, filters, channels)
        self._opened.callback(command.close)
        nobody = NOBODY if os.geteuid() == 0 else None
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the strangers' words come behind `--`
                command.words,
                stdin=command.stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=command.descriptors,
                env={},
                cwd="/",
                user=nobody,
                group=nobody,
                extra_groups=[] if nobody else None,
            )
        except OSError as error:
            raise CannotIsolate(f"bubblewrap cannot be started: {error}") from error
        self._opened.callback(self._reap)
        for theirs in (to_info, to_status, go):
            theirs.close()
        told = b""
        while not told.endswith(b"}\n") and (more := info.read(1000)):
            told += more
        if self._status.read(1) != b"r":
            raise CannotIsolate(self._complaint())
        self.pid: int = json.loads(told)["child-pid"]
        """The sandbox's first process, as this machine counts: the others end with it."""
        try:
            self._pidfd = self._open(os.pidfd_open(self.pid))
            self.folder = self._open(os.open(f"/proc/{self.pid}/root{HOME}", os.O_RDONLY | os.O_DIRECTORY))
            """The program's folder, which can be read also when the sandbox has ended."""
        except OSError as error:
            raise CannotIsolate(f"its processes cannot be watched: {error}") from error

    def release(self) -> None:
        """Lets the program run."""
        with suppress(BrokenPipeError):
            self._go.write(b"\n")

    def kill(self) -> None:
        """Ends every process of the sandbox; also from another thread, and when it has ended already."""
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def ended(self) -> int:
        """Waits until no process is left; gives the exit code, as a shell does."""
        code = self.process.wait()
        self.kill()  # bubblewrap has ended with the program; what that left may live a moment longer
        select.select([self._pidfd], [], [])
        self.compiled = self._status.read(1) != b"f"
        return code

    def close(self) -> None:
        """Ends the sandbox and gives back what it held."""
        self._opened.close()

    def _reap(self) -> None:
        self.process.kill()  # bubblewrap takes the sandbox with it
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _complaint(self) -> str:
        assert self.process.stderr is not None
        self.process.kill()
        return self.process.stderr.read(2000).decode(errors="replace").strip() or "bubblewrap said nothing"

    def _pipe(self) -> tuple[FileIO, FileIO]:
        """Reading and writing end."""
        reading, writing = os.pipe()
        return self._opened.enter_context(FileIO(reading)), self._opened.enter_context(FileIO(writing, "w"))

    def _open(self, descriptor: int) -> int:
        self._opened.callback(os.close, descriptor)
        return descriptor
