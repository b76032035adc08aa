"""A program in isolation, from its start to the end of all its processes; a subclass isolates it."""

from __future__ import annotations

import os
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from io import FileIO
from types import TracebackType

from skyhook_functions.code.messages import RunRequest


class CannotIsolate(Exception):
    """The sandbox was not set up, so the program was not started; the text says why."""


class Sandbox(ABC):
    """A program that waits behind its isolation for `release`.

    Everything in it ends with it: when the program ends, when `kill` is called, and when the worker dies.
    """

    process: subprocess.Popen[bytes]
    """What was started; its pipes have what the program prints."""
    folder: int
    """The program's folder, which can be read also when the sandbox has ended."""

    def __init__(self, request: RunRequest, filters: Sequence[bytes]) -> None:
        """Sets it up. Raises CannotIsolate; nothing of the program has run then."""
        self._opened = ExitStack()
        self._status, self._to_status = self._pipe()
        """Where the start tells how far it is."""
        self._waiting, self._go = self._pipe()
        """Where it waits for a line."""
        self.compiled = True
        try:
            self._start(request, filters)
            for theirs in (self._to_status, self._waiting):
                theirs.close()
            self._opened.callback(self._reap)
            if self._status.read(1) != b"r":
                raise CannotIsolate(self._complaint())
            self._ready()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def _start(self, request: RunRequest, filters: Sequence[bytes]) -> None:
        """Starts `process`. Raises CannotIsolate."""

    @abstractmethod
    def _ready(self) -> None:
        """The program waits: opens `folder` and what else is there by now. Raises CannotIsolate."""

    @abstractmethod
    def kill(self) -> None:
        """Ends every process of the sandbox; also from another thread, and when it has ended already."""

    @abstractmethod
    def processes(self) -> Iterator[int]:
        """Its processes, as this machine counts."""

    @abstractmethod
    def has_too_many_files(self) -> bool:
        """Whether the program has made more files than `MOST_FILES`."""

    @abstractmethod
    def _end(self) -> int:
        """Waits until no process is left; gives the exit code, as a shell does."""

    def release(self) -> None:
        """Lets the program run."""
        with suppress(BrokenPipeError):
            self._go.write(b"\n")

    def ended(self) -> int:
        """Waits until no process is left; gives the exit code, as a shell does."""
        code = self._end()
        self.compiled = self._status.read(1) != b"f"
        return code

    def close(self) -> None:
        """Ends the sandbox and gives back what it held."""
        self._opened.close()

    def _reap(self) -> None:
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()

    def _complaint(self) -> str:
        assert self.process.stderr is not None
        self.process.kill()
        return self.process.stderr.read(2000).decode(errors="replace").strip() or "it ended without a word"

    def _pipe(self) -> tuple[FileIO, FileIO]:
        """Reading and writing end."""
        reading, writing = os.pipe()
        return self._opened.enter_context(FileIO(reading)), self._opened.enter_context(FileIO(writing, "w"))
