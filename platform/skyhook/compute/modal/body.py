"""What runs in a container: one function, whose calls run in threads as those of a local worker do."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing
from pathlib import Path

import msgspec

from skyhook.compute import protocol
from skyhook.compute.bodies import failure, load, send_each
from skyhook.compute.checkpoints import placed
from skyhook.compute.modal import mounts
from skyhook.compute.modal.naming import GPU
from skyhook.compute.modal.shares import Share, Shares
from skyhook.compute.modal.weights import place
from skyhook.compute.protocol import Failed
from skyhook.compute.running import Running, Stopped
from skyhook.compute.signature import signature_of
from skyhook.function import Transient, spec_of

Send = Callable[[bytes, bool], None]
"""Takes a reply, and whether it is `Transient`."""
_CALL = 0
"""The id in replies: each goes to one call, so that none is needed."""


class Body:
    """A loaded function. Replies are encoded `protocol.Reply`s, and the last one ends the call."""

    def __init__(self, name: str) -> None:
        """Loads the function. Raises whatever its `load` raises."""
        self._instance = load(name)
        concurrency = spec_of(type(self._instance)).concurrency
        self._shares = Shares(gpu_here())
        self._threads = ThreadPoolExecutor(concurrency, thread_name_prefix="call")

    async def call(self, method: str, argument: bytes, timeout_s: float | None) -> bytes:
        """Runs a method once; gives its one reply."""
        replies = [reply async for reply, _ in self.stream(method, argument, timeout_s)]
        return replies[-1]

    async def work(
        self, method: str, argument: bytes, timeout_s: float | None, tell: Callable[[bytes], None]
    ) -> list[bytes]:
        """Runs a method; gives its replies at its end, but for the transient ones, which `tell` is given."""
        kept = []
        async with aclosing(self.stream(method, argument, timeout_s)) as replies:
            async for reply, is_transient in replies:
                if is_transient:
                    tell(reply)
                else:
                    kept.append(reply)
        return kept

    async def stream(
        self, method: str, argument: bytes, timeout_s: float | None
    ) -> AsyncGenerator[tuple[bytes, bool], None]:
        """Runs a method; gives its replies as they come, each with whether it is transient.

        Closing this stops it.
        """
        loop = asyncio.get_running_loop()
        replies: asyncio.Queue[tuple[bytes, bool, bool]] = asyncio.Queue()
        running = Running(_CALL)

        def send(reply: bytes, is_transient: bool, is_last: bool) -> None:
            loop.call_soon_threadsafe(replies.put_nowait, (reply, is_transient, is_last))

        work = loop.run_in_executor(self._threads, self._run, running, method, argument, send)
        overdue = None
        if timeout_s is not None:
            overdue = loop.call_later(timeout_s, lambda: running.cancel(force=True))
        has_ended = False
        try:
            while not has_ended:
                reply, is_transient, has_ended = await replies.get()
                yield reply, is_transient
                running.add_credit(len(reply))
        finally:
            if overdue is not None:
                overdue.cancel()
            if not has_ended:
                running.cancel(force=not _is_stream(type(self._instance), method))
            await asyncio.wait([work])

    def _run(
        self, running: Running, method: str, argument: bytes, send: Callable[[bytes, bool, bool], None]
    ) -> None:
        """Runs the body in this thread and sends what comes of it."""
        share = self._shares.begin()
        try:
            last = self._answer(
                running, share, method, argument, lambda reply, is_transient: send(reply, is_transient, False)
            )
        except Stopped:
            last = protocol.encode(Failed(_CALL, "stopped", "", ran=self._shares.so_far(share)))
        finally:
            self._shares.end()
        send(last, False, True)

    def _answer(self, running: Running, share: Share, name: str, encoded: bytes, send: Send) -> bytes:
        try:
            method = getattr(type(self._instance), name)
            signature = signature_of(method)
            try:
                argument = signature.argument.decode(encoded)
            except msgspec.MsgspecError as error:
                return protocol.encode(Failed(_CALL, "bad_argument", "", message=str(error)))
            argument = place(argument, signature.weights)
            argument = placed(argument, signature.checkpoints, Path(mounts.CHECKPOINTS))
            with running:
                value = method(self._instance, argument)
            if signature.streams:
                folders = [Path(getattr(argument, field)) for field in signature.checkpoints]
                send_each(
                    running,
                    mounts.kept(value, folders),
                    lambda item: protocol.encode(protocol.Chunk(_CALL, item, self._shares.so_far(share))),
                    lambda chunk, item: send(chunk, isinstance(item, Transient)),
                )
                return protocol.encode(protocol.End(_CALL, self._shares.so_far(share)))
            return protocol.encode(protocol.Result(_CALL, value, self._shares.so_far(share)))
        except Stopped:
            raise
        except BaseException as error:  # a body may raise anything, SystemExit too
            failed = failure(_CALL, error)
            failed.ran = self._shares.so_far(share)
            return protocol.encode(failed)


def gpu_here() -> str:
    """The GPU of this container, as it is priced: which of several it is, its driver tells."""
    wanted = os.environ.get(GPU, "")
    if "," not in wanted and wanted.partition(":")[0].lower() != "any":
        return wanted
    program = shutil.which("nvidia-smi")
    if program is None:
        return wanted  # which has no price
    asked = [program, "--query-gpu=name", "--format=csv,noheader"]
    told = subprocess.run(asked, capture_output=True, text=True, check=False).stdout.splitlines()  # noqa: S603
    return f"{told[0].strip()}:{len(told)}" if told else wanted


def _is_stream(function: type, method: str) -> bool:
    found = getattr(function, method, None)
    return found is not None and signature_of(found).streams
