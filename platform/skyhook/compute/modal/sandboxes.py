"""Sandboxes of Modal: a machine for each call of an isolated function, without a network.

A sandbox is made of the image that was published when the function was deployed, a command in it runs the one
call (`skyhook.compute.once`), and then it is terminated. It has no token, no secret and no volume.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from math import ceil
from typing import Any

import modal
import msgspec
from modal.config import config
from modal.exception import ConflictError, NotFoundError

from skyhook.compute import errors, protocol
from skyhook.compute.modal.image import ROOT
from skyhook.compute.modal.naming import APP, image_name
from skyhook.compute.modal.prices import RESERVED_CORES, RESERVED_MEMORY
from skyhook.compute.protocol import Ran, Reply
from skyhook.function import FunctionSpec

MOST_CORES = 2.0
"""Of physical cores: what a program uses beyond the reserved ones is charged to the operator."""
MIB_PER_GIB = 1024
SPARE_S = 30
"""How much longer than the call may run its command may: for the start of the function;"""
IDLE_S = 20
"""how long a sandbox is kept that runs no command, such as one whose server has died."""
WRITE_BYTES = 1 << 20
COMPLAINT_BYTES = 4096
KILLED, OVERDUE = 128 + 9, -1
"""Exit codes of commands, as Modal's client tells them."""
LAST = (protocol.RawResult, protocol.End, protocol.Failed, protocol.LoadFailed)

logger = logging.getLogger("skyhook.compute")


class Sandboxes:
    """The sandboxes of one function, over one connection."""

    def __init__(self, spec: FunctionSpec, regions: Sequence[str], client: Any) -> None:
        """`client` is Modal's, or None for that of the process."""
        self._spec = spec
        self._regions = list(regions) or None
        self._client = client
        self._app: Any = None

    async def replies(
        self, method: str, argument: bytes, limit_s: float, end: Callable[[asyncio.Future[Any]], None]
    ) -> AsyncGenerator[Reply, None]:
        """Runs a call; gives its replies as they come, up to the last one.

        `end` is given the sandbox, in the making perhaps, when nobody needs it any more. Raises
        FunctionInterrupted, FunctionOutOfMemory and FunctionTimeout where it ended without a last reply, and
        what Modal's client raises.
        """
        creating = asyncio.ensure_future(self._create(limit_s))
        try:
            sandbox = await asyncio.shield(creating)
            began = time.monotonic()
            try:
                process = await self._begin(sandbox, method, argument, limit_s)
                buffer = protocol.FrameBuffer()
                async for data in process.stdout:
                    for frame in _frames(buffer, data):
                        reply = protocol.reply_decoder.decode(frame)
                        yield _timed(reply, time.monotonic() - began)
                        if isinstance(reply, LAST):
                            return
                raise await _ended_early(self._spec, process)
            except (NotFoundError, ConflictError) as error:  # there was an image: what is gone is the sandbox
                raise _interrupted() from error
        finally:
            end(creating)

    async def _create(self, limit_s: float) -> Any:
        mib = int(self._spec.memory_gib * MIB_PER_GIB)
        try:
            if self._app is None:
                self._app = await modal.App.lookup.aio(APP, client=self._client)
            return await modal.Sandbox.create.aio(
                *("sleep", "infinity"),
                app=self._app,
                image=modal.Image.from_name(
                    image_name(self._spec.name),
                    environment_name=config.get("environment"),
                    client=self._client,
                ),
                client=self._client,
                timeout=ceil(limit_s) + 2 * SPARE_S,
                idle_timeout=IDLE_S,
                cpu=(RESERVED_CORES, MOST_CORES),
                memory=(mib // RESERVED_MEMORY, mib),
                region=self._regions,
                block_network=True,
            )
        except NotFoundError:
            self._app = None  # deployed again under another id, perhaps
            raise

    async def _begin(self, sandbox: Any, method: str, argument: bytes, limit_s: float) -> Any:
        """The command that runs the call, once it has the argument."""
        process = await sandbox.exec.aio(
            *("python", "-P", "-m", "skyhook.compute.once", self._spec.name, "--seconds", str(limit_s)),
            env={"PYTHONPATH": ROOT},
            timeout=ceil(limit_s) + SPARE_S,
            text=False,
        )
        frame = protocol.frame(protocol.Call(0, method, msgspec.Raw(argument)))
        for start in range(0, len(frame), WRITE_BYTES):
            process.stdin.write(frame[start : start + WRITE_BYTES])
            await process.stdin.drain.aio()
        process.stdin.write_eof()
        await process.stdin.drain.aio()
        return process


async def terminate(creating: asyncio.Future[Any]) -> None:
    """Ends a sandbox with all that runs in it, also one in the making. Raises nothing of Modal's."""
    try:
        sandbox = await creating
    except Exception:  # whoever made it was told
        return
    try:
        await sandbox.terminate.aio()
        await sandbox.detach.aio()
    except Exception as error:
        logger.warning("a sandbox was not terminated, and ends by itself within minutes: %s", error)


def _frames(buffer: protocol.FrameBuffer, data: bytes) -> Iterator[bytes]:
    """The frames that are whole with this part of what the command has written."""
    rest = memoryview(data)
    while rest:
        space = buffer.space()
        size = min(len(space), len(rest))
        space[:size] = rest[:size]
        rest = rest[size:]
        space.release()
        yield from buffer.received(size)


def _timed(reply: Reply, seconds: float) -> Reply:
    """The reply with the time for which there was the sandbox, of which the command knows a part."""
    ran = getattr(reply, "ran", None)
    if isinstance(reply, protocol.RawChunk | protocol.RawResult | protocol.End | protocol.Failed):
        reply.ran = Ran(seconds, ran.core_seconds if ran else 0.0, "")
    return reply


async def _ended_early(spec: FunctionSpec, process: Any) -> Exception:
    """Why the command ended without a last reply."""
    code = await process.wait.aio()
    if code == OVERDUE:
        return errors.FunctionTimeout("The call ran longer than it may.")
    complaint = (await process.stderr.read.aio())[-COMPLAINT_BYTES:].decode(errors="replace")
    logger.error("%s ended with exit code %s in its sandbox: %s", spec.name, code, complaint)
    if code == KILLED:  # nobody else on that machine may kill it
        return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
    return _interrupted()


def _interrupted() -> errors.FunctionInterrupted:
    return errors.FunctionInterrupted("The function's sandbox ended during the call. Try again.")
