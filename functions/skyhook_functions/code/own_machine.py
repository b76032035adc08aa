"""Isolation by a machine of the call's own: no network, nobody else on it, gone when the call ends.

What is left to do is to keep the program from the worker on the same machine, which counts its time and takes
its files: it runs as another user, without any power, and ends with all its processes.
"""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from skyhook_functions.code import launch
from skyhook_functions.code.command import (
    DISK_BYTES,
    HOME,
    MOST_FILES,
    NOBODY,
    OUTPUT,
    TEMPORARY,
    VARIABLES,
    Contents,
    started,
)
from skyhook_functions.code.messages import RunRequest
from skyhook_functions.code.sandbox import CannotIsolate, Sandbox

WRITABLE = ("/home", "/tmp", "/var/tmp", "/dev/shm")  # noqa: S108 - the machine is the program's
"""Where anybody may make files."""
LOOK_S = 0.25
"""How often the files are counted."""
END_S = 10.0
"""How long the program's processes may take to end."""
PAUSE_S = 0.002
KILL_ALL = ("/usr/bin/bash", "-c", "kill -KILL -1")
"""At once, so that none can start another meanwhile."""


class OwnMachineSandbox(Sandbox):
    """A program beside the worker."""

    def _start(self, request: RunRequest, filters: Sequence[bytes]) -> None:
        if os.geteuid() != 0:
            raise CannotIsolate("the worker is not root, so that it cannot run programs as another user")
        try:
            _make_disk()
            _write_files(request)
        except (OSError, subprocess.SubprocessError) as error:
            raise CannotIsolate(f"the program's folder cannot be made: {error}") from error
        contents = Contents()
        self._opened.callback(contents.close)
        status, go = self._to_status.fileno(), self._waiting.fileno()
        filtering = [contents.of(one) for one in filters]
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the strangers' words come behind the launcher's
                [
                    *(sys.executable, "-I", "-S", launch.__file__, str(NOBODY), HOME),
                    ",".join(map(str, filtering)),
                    *started(request, status, go),
                ],
                stdin=contents.of(request.stdin),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[status, go, *filtering],
                env=VARIABLES,
                cwd="/",
                start_new_session=True,
            )
        except OSError as error:
            raise CannotIsolate(f"the program cannot be started: {error}") from error

    def _ready(self) -> None:
        self.folder = os.open(HOME, os.O_RDONLY | os.O_DIRECTORY)
        self._opened.callback(os.close, self.folder)
        self._files_at_start = _files()[0]
        self._looked_at = 0.0
        threading.Thread(target=self._end, name="end", daemon=True).start()

    def kill(self) -> None:
        self.process.kill()
        deadline = time.monotonic() + END_S
        for attempt in itertools.count():
            found = list(self.processes())
            for pid in found:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not found:
                return
            if attempt:  # they start others faster than these are found
                subprocess.run(KILL_ALL, user=NOBODY, group=NOBODY, extra_groups=[], env={}, check=False)  # noqa: S603
            if time.monotonic() > deadline:
                raise RuntimeError("the program's processes do not end")
            time.sleep(PAUSE_S)

    def processes(self) -> Iterator[int]:
        for path in Path("/proc").glob("[0-9]*/status"):
            with suppress(OSError):
                lines = path.read_text().splitlines()
                fields = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
                if str(NOBODY) in fields["Uid"] and fields["State"][0] != "Z":
                    yield int(path.parent.name)

    def has_too_many_files(self) -> bool:
        if time.monotonic() - self._looked_at < LOOK_S:
            return False
        number, size = _files()
        self._looked_at = time.monotonic()
        return number - self._files_at_start > MOST_FILES or size > DISK_BYTES

    def _end(self) -> int:
        code = self.process.wait()
        self.kill()
        return code if code >= 0 else 128 - code

    def _reap(self) -> None:
        self.kill()
        super()._reap()


def _make_disk() -> None:
    """Gives the program a disk of its size, where root may mount one; else its files are counted."""
    options = f"size={DISK_BYTES},mode=755,nosuid,nodev"
    words = ("/usr/bin/mount", "-t", "tmpfs", "-o", options, "tmpfs", "/home")
    subprocess.run(words, env={}, stderr=subprocess.DEVNULL, check=False, timeout=END_S)  # noqa: S603


def _write_files(request: RunRequest) -> None:
    folders = {HOME, f"{HOME}/{OUTPUT}", TEMPORARY}
    for file in request.files:
        path = Path(HOME, file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    for folder in folders:
        Path(folder).mkdir(parents=True, exist_ok=True)
    for folder, _, names in os.walk("/home"):
        if folder != "/home":
            os.chown(folder, NOBODY, NOBODY)
        for name in names:
            os.chown(os.path.join(folder, name), NOBODY, NOBODY)


def _files() -> tuple[int, int]:
    """How many files and folders the program's user has, and their bytes together."""
    number = size = 0
    folders = list(WRITABLE)
    while folders and number <= 2 * MOST_FILES:
        with suppress(OSError), os.scandir(folders.pop()) as entries:
            for entry in entries:
                with suppress(OSError):
                    status = entry.stat(follow_symlinks=False)
                    if status.st_uid != NOBODY:
                        continue  # nor can it make files in somebody else's folders
                    number, size = number + 1, size + status.st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
    return number, size
