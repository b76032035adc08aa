"""Machines for one call each: processes of this one in namespaces of their own, with root's powers inside.

A machine sees this one's programs and the packages that these tests import from, and nothing else of its
files; it has no network. Only root can make one whose root may become another user.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

EMPTY = ("/tmp", "/var/tmp", "/home", "/root", "/run")

FIRST = 'echo ready; exec "$@" >/dev/null'


class Process:
    """A command on a machine: its output so far, and its exit code once it has one."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.written = 0
        """How much of its input it was given."""
        self.output = {1: bytearray(), 2: bytearray()}
        self.code: int | None = None
        self.changed = asyncio.Event()
        self._life = asyncio.create_task(self._live())

    async def write(self, offset: int, data: bytes, *, is_end: bool) -> None:
        """Gives it input from an offset on; what it was given already is left out."""
        assert self.process.stdin is not None
        rest = data[self.written - offset :]
        with suppress(ConnectionError):
            self.process.stdin.write(rest)
            await self.process.stdin.drain()
            if is_end:
                self.process.stdin.close()
        self.written += len(rest)

    async def read(self, descriptor: int, offset: int) -> bytes:
        """What it printed from an offset on, once there is something; empty where nothing comes any more."""
        while len(self.output[descriptor]) <= offset and self.code is None:
            await self.changed.wait()
        return bytes(self.output[descriptor][offset : offset + (1 << 16)])

    async def wait(self) -> int:
        """Its exit code, negative where a signal ended it."""
        await self._life
        assert self.code is not None
        return self.code

    async def _live(self) -> None:
        await asyncio.gather(self._follow(1), self._follow(2))
        self.code = await self.process.wait()
        self._note()

    async def _follow(self, descriptor: int) -> None:
        stream = self.process.stdout if descriptor == 1 else self.process.stderr
        assert stream is not None
        while data := await stream.read(1 << 16):
            self.output[descriptor] += data
            self._note()

    def _note(self) -> None:
        self.changed.set()
        self.changed = asyncio.Event()


class Machine:
    """One machine, from its start until `stop`."""

    def __init__(self, environment: Mapping[str, str], *, without: Sequence[str] = ()) -> None:
        """`without` has the capabilities that its commands lack, such as sys_admin."""
        self._environment = dict(environment)
        lacks = ",".join(f"-{one}" for one in without)
        self._powers = ["/usr/bin/setpriv", f"--bounding-set={lacks}"] if lacks else []
        self._main: asyncio.subprocess.Process | None = None
        self.pid = 0
        """Its first process, as this machine counts: the others end with it."""
        self.processes: dict[str, Process] = {}

    async def start(self, *words: str) -> None:
        """Starts it with a process of these words, after whose end it ends."""
        told, tell = os.pipe()
        self._main = await asyncio.create_subprocess_exec(
            *("/usr/bin/bwrap", *_root(self._environment["PYTHONPATH"].split(os.pathsep))),
            *("--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts", "--die-with-parent"),
            *("--cap-add", "ALL", "--info-fd", str(tell), "--", "/usr/bin/bash", "-c", FIRST, "first"),
            *words,
            env={},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            pass_fds=[tell],
        )
        os.close(tell)
        assert self._main.stdout is not None
        await self._main.stdout.readline()
        with os.fdopen(told) as file:
            self.pid = json.loads(await asyncio.to_thread(file.read))["child-pid"]

    @property
    def has_ended(self) -> bool:
        """Whether it is gone."""
        return self._main is not None and self._main.returncode is not None

    @property
    def is_busy(self) -> bool:
        """Whether it runs a command."""
        return any(process.code is None for process in self.processes.values())

    async def begin(self, name: str, words: list[str], environment: Mapping[str, str]) -> None:
        """Starts a command on it; doing so twice by the same name starts one."""
        if name in self.processes:
            return
        assert self.pid
        variables = self._environment | dict(environment)
        variables["PYTHONPATH"] = f"{variables['PYTHONPATH']}:{self._environment['PYTHONPATH']}"
        process = await asyncio.create_subprocess_exec(
            *("/usr/bin/nsenter", "-t", str(self.pid), "-m", "-p", "-n", "-i", "-u", "-r", "-w", "--"),
            *(*self._powers, "/usr/bin/env", *words),
            env=variables | {"PATH": f"{Path(sys.executable).parent}:/usr/bin"},
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        self.processes[name] = Process(process)

    async def stop(self) -> None:
        """Ends it with all its processes."""
        if self._main is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            await self._main.wait()
        await asyncio.gather(*(process.wait() for process in self.processes.values()))


def _root(packages: list[str]) -> Iterator[str]:
    """The file system of a machine."""
    yield from ("--ro-bind", "/usr", "/usr", "--ro-bind", "/etc", "/etc", "--proc", "/proc", "--dev", "/dev")
    for name in ("bin", "sbin", "lib", "lib32", "lib64"):
        if os.path.islink(f"/{name}"):
            yield from ("--symlink", f"usr/{name}", f"/{name}")
    for folder in EMPTY:
        yield from ("--perms", "0700" if folder == "/root" else "1777", "--tmpfs", folder)
    for place in {sys.prefix, sys.base_prefix, *filter(os.path.exists, packages)}:
        if not place.startswith("/usr/"):
            yield from ("--ro-bind", place, place)
