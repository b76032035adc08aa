"""One worker process as the server sees it: its start, its connection and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Callable
from pathlib import Path
from typing import cast

from skyhook.compute import protocol
from skyhook.compute.environment import Environment
from skyhook.compute.isolation import GIB, oom_kills
from skyhook.compute.log import open_log
from skyhook.function import FunctionSpec

DRAIN_TIMEOUT_S = 1.0
"""How long what an ended worker has sent may take to arrive."""
_SECRET_PREFIXES = ("SKYHOOK_", "STRIPE_", "AWS_", "MODAL_")


class WorkerProcess(asyncio.BufferedProtocol):
    """A worker. `receive` gets each of its replies with its frame's size in bytes, in order."""

    def __init__(self, receive: Callable[[protocol.Reply, int], None]) -> None:
        self._receive = receive
        self._buffer = protocol.FrameBuffer()
        self._transport: asyncio.Transport | None = None
        self._process: asyncio.subprocess.Process | None = None
        self._lifeline = -1
        self._unsent: list[bytes] = []
        self._connection_lost = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._oom_kills = oom_kills()

    async def start(self, spec: FunctionSpec, environment: Environment, *, data: Path, log: Path) -> None:
        """Starts the process and connects to it; it says by itself when the function is loaded.

        Raises OSError where no process can be started.
        """
        with contextlib.ExitStack() as opened:
            ours, theirs = socket.socketpair()
            opened.callback(theirs.close)
            lifeline, self._lifeline = os.pipe()
            opened.callback(os.close, lifeline)
            output = open_log(log)
            opened.callback(os.close, output)
            try:
                self._process = await asyncio.create_subprocess_exec(
                    str(environment.python),
                    *("-P", "-m", "skyhook.compute.worker", spec.name),
                    *("--socket", str(theirs.fileno()), "--lifeline", str(lifeline)),
                    *("--memory-bytes", str(int(spec.memory_gib * GIB))),
                    *("--concurrency", str(spec.concurrency)),
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=_worker_variables(environment, data),
                    pass_fds=[theirs.fileno(), lifeline],
                    start_new_session=True,
                )
                ours.setblocking(False)
                await self._loop.create_unix_connection(lambda: self, sock=ours)
            except BaseException:
                ours.close()
                self.kill()
                if self._process is not None:
                    await self._process.wait()
                self._release()
                raise

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process is not None else None

    def send(self, frame: bytes) -> None:
        """Sends a frame; those of one turn of the event loop share one write."""
        if not self._unsent:
            self._loop.call_soon(self._flush)
        self._unsent.append(frame)

    def _flush(self) -> None:
        unsent, self._unsent = self._unsent, []
        if self._transport is not None:
            self._transport.write(unsent[0] if len(unsent) == 1 else b"".join(unsent))

    def kill(self) -> None:
        """Kills the worker and every process of its group, which outlives a worker that crashed."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, signal.SIGKILL)

    async def wait(self) -> int:
        """Waits until the worker has ended and all that it sent was received.

        Returns its exit code, negative where a signal ended it.
        """
        assert self._process is not None
        code = await self._process.wait()
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_TIMEOUT_S):
                await self._connection_lost.wait()
        self._release()
        return code

    def was_oom_killed(self, code: int) -> bool:
        """Whether it was the kernel that ended the worker, for want of memory on the machine."""
        return code == -signal.SIGKILL and oom_kills() > self._oom_kills

    def _release(self) -> None:
        if self._transport is not None:
            self._transport.abort()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._buffer.space()

    def buffer_updated(self, nbytes: int) -> None:
        decode, receive = protocol.reply_decoder.decode, self._receive
        for frame in self._buffer.received(nbytes):
            receive(decode(frame), protocol.PREFIX_BYTES + len(frame))

    def connection_lost(self, exc: Exception | None) -> None:
        """A worker without a connection is of no use, should it still live."""
        self._transport = None
        self._connection_lost.set()
        self.kill()


def _worker_variables(environment: Environment, data: Path) -> dict[str, str]:
    """The server's environment variables but for its secrets, which no function needs."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_SECRET_PREFIXES)}
    return kept | {
        "PYTHONPATH": os.pathsep.join(environment.path),
        "PYTHONUNBUFFERED": "1",
        "SKYHOOK_DATA": str(data),
    }
