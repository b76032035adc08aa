"""Isolation by bubblewrap: on a machine that others use as well."""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from io import FileIO
from pathlib import Path

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
from skyhook_functions.code.languages import SYSTEM_FOLDERS
from skyhook_functions.code.messages import RunRequest
from skyhook_functions.code.sandbox import CannotIsolate, Sandbox

DEVICES = ("null", "zero", "full", "random", "urandom")
ACCOUNTS = {
    "/etc/passwd": f"code:x:1000:1000::{HOME}:/bin/bash\n",
    "/etc/group": "code:x:1000:\n",
}


class BubblewrapSandbox(Sandbox):
    """A program in namespaces of its own."""

    _info: FileIO

    def _start(self, request: RunRequest, filters: Sequence[bytes]) -> None:
        bubblewrap = shutil.which("bwrap")
        if bubblewrap is None:
            raise CannotIsolate("the program `bwrap` is not installed")
        contents = Contents()
        self._opened.callback(contents.close)
        self._info, to_info = self._pipe()
        """Where bubblewrap tells the process id of the sandbox's first process."""
        status, go = self._to_status.fileno(), self._waiting.fileno()
        files = {f"{HOME}/{file.path}": contents.of(file.content) for file in request.files}
        accounts = {path: contents.of(text.encode()) for path, text in ACCOUNTS.items()}
        filtering = [contents.of(one) for one in filters]
        nobody = NOBODY if os.geteuid() == 0 else None
        try:
            self.process = subprocess.Popen(  # noqa: S603 - the strangers' words come behind `--`
                [
                    *(bubblewrap, *_isolation(), *_system(), *_disk(files, accounts)),
                    *(word for one in filtering for word in ("--add-seccomp-fd", str(one))),
                    *("--info-fd", str(to_info.fileno()), "--chdir", HOME),
                    *("--", *started(request, status, go)),
                ],
                stdin=contents.of(request.stdin),
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                pass_fds=[to_info.fileno(), status, go, *files.values(), *accounts.values(), *filtering],
                env={},
                cwd="/",
                user=nobody,
                group=nobody,
                extra_groups=[] if nobody else None,
            )
        except OSError as error:
            raise CannotIsolate(f"bubblewrap cannot be started: {error}") from error
        to_info.close()

    def _ready(self) -> None:
        told = b""
        while not told.endswith(b"}\n") and (more := self._info.read(1000)):
            told += more
        self._pid: int = json.loads(told)["child-pid"]
        """The sandbox's first process, as this machine counts: the others end with it."""
        try:
            self._pidfd = self._open(os.pidfd_open(self._pid))
            self.folder = self._open(os.open(f"/proc/{self._pid}/root{HOME}", os.O_RDONLY | os.O_DIRECTORY))
        except OSError as error:
            raise CannotIsolate(f"its processes cannot be watched: {error}") from error
        self._files_at_start = _files(self.folder)

    def kill(self) -> None:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)

    def processes(self) -> Iterator[int]:
        return _tree(self._pid)

    def has_too_many_files(self) -> bool:
        return _files(self.folder) - self._files_at_start > MOST_FILES

    def _end(self) -> int:
        code = self.process.wait()
        self.kill()  # bubblewrap has ended with the program; what that left may live a moment longer
        select.select([self._pidfd], [], [])
        return code

    def _open(self, descriptor: int) -> int:
        self._opened.callback(os.close, descriptor)
        return descriptor


def _files(folder: int) -> int:
    told = os.fstatvfs(folder)
    return told.f_files - told.f_ffree


def _tree(pid: int) -> Iterator[int]:
    """A process and all that it and its descendants started; orphans are the first one's children."""
    yield pid
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                yield from _tree(int(child))


def _isolation() -> tuple[str, ...]:
    return (
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv"),
        *(word for name, value in VARIABLES.items() for word in ("--setenv", name, value)),
    )


def _system() -> Iterator[str]:
    for folder in SYSTEM_FOLDERS:
        yield from ("--ro-bind-try", folder, folder)
    for name in ("bin", "lib", "lib32", "lib64"):
        if os.path.exists(f"/usr/{name}"):
            yield from ("--symlink", f"usr/{name}", f"/{name}")
    yield from ("--proc", "/proc")
    for name in DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    yield from ("--symlink", "/proc/self/fd", "/dev/fd")
    for link in ("/tmp", "/dev/shm"):  # noqa: S108 - these are the sandbox's own
        yield from ("--symlink", TEMPORARY, link)


def _disk(files: dict[str, int], accounts: dict[str, int]) -> Iterator[str]:
    """The program's folders and files, by the descriptors of their contents."""
    yield from ("--size", str(DISK_BYTES), "--tmpfs", "/home")
    for folder in (HOME, f"{HOME}/{OUTPUT}", TEMPORARY):
        yield from ("--dir", folder)
    for path, descriptor in files.items():
        yield from ("--perms", "0644", "--file", str(descriptor), path)
    for path, descriptor in accounts.items():
        yield from ("--ro-bind-data", str(descriptor), path)
    yield from ("--remount-ro", "/")
