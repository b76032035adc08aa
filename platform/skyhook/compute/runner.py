"""One function on the local machine: its calls, and the life of its worker."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any, Literal

import msgspec

from skyhook.compute import errors, protocol
from skyhook.compute.backend import WorkerState, WorkerStatus
from skyhook.compute.calls import StreamCall, UnaryCall
from skyhook.compute.dispatcher import Dispatcher
from skyhook.compute.environment import Environments
from skyhook.compute.failures import logged
from skyhook.compute.isolation import GIB, resident_bytes
from skyhook.compute.log import limit_log, log_path
from skyhook.compute.process import WorkerProcess
from skyhook.compute.signature import Signature
from skyhook.errors import SkyhookError
from skyhook.function import FunctionSpec

TICK_S = 0.1
"""How often a worker's memory, its calls' limits and its idle time are looked at."""
LOAD_TIMEOUT_S = 900.0
"""How long a function may take to load."""
BACKOFF_S = (1.0, 60.0)
"""The wait after the first failed start, doubled with each further one up to the second figure."""
CREDIT_BYTES = protocol.STREAM_WINDOW_BYTES // 4
"""How much of a stream is taken before the worker is told."""

KillCause = Literal["memory", "load", "timeout", "idle"]
_KILL_CAUSES: dict[KillCause, str] = {
    "memory": "the worker used more memory than it may and was killed",
    "load": "the function took too long to load and was killed",
    "timeout": "a call ran too long and did not stop, so the worker was killed",
    "idle": "the worker was not needed any more",
}

logger = logging.getLogger("skyhook.compute")


class FunctionRunner:
    """Runs one function's calls in one worker process, which lives while it is needed."""

    def __init__(self, spec: FunctionSpec, environments: Environments, data: Path) -> None:
        self._spec = spec
        self._environments = environments
        self._data = data
        self._log = log_path(data, spec.name)
        self._loop = asyncio.get_running_loop()
        self._dispatcher = Dispatcher(spec.name, spec.concurrency)
        self._ids = itertools.count()
        self._life: asyncio.Task[None] | None = None
        self._closed = False
        self._restarts = 0
        self._failed_starts = 0
        self._retry_at = 0.0
        self._last_error: str | None = None
        self._worker: WorkerProcess | None = None
        self._loaded = False
        self._ended_early = False
        self._load_traceback = ""
        self._killed_for: KillCause | None = None
        self._rss_bytes = 0
        self._started_at = 0.0
        self._load_s: float | None = None

    async def call(self, signature: Signature, argument: Any, timeout_s: float | None) -> Any:
        """Runs a method and returns its result."""
        number = next(self._ids)
        call = UnaryCall(number, _frame(number, signature, argument), self._limit_s(timeout_s))
        self._submit(call)
        try:
            value = await call.result
        except asyncio.CancelledError:
            self._dispatcher.abandon(call)
            raise
        return self._decode(signature, value)

    async def stream(
        self, signature: Signature, argument: Any, timeout_s: float | None
    ) -> AsyncGenerator[Any, None]:
        """Runs a generator method and yields what it yields."""
        number = next(self._ids)
        call = StreamCall(number, _frame(number, signature, argument), self._limit_s(timeout_s))
        self._submit(call)
        taken = 0
        try:
            while (chunk := await call.take()) is not None:
                taken += chunk[1]
                if taken >= CREDIT_BYTES:
                    self._dispatcher.grant(call, taken)
                    taken = 0
                yield self._decode(signature, chunk[0])
        finally:
            if not call.ended:
                self._dispatcher.abandon(call)

    def status(self) -> WorkerStatus:
        """What the function's worker is doing."""
        return WorkerStatus(
            function=self._spec.name,
            state=self._state(),
            pid=self._worker.pid if self._worker is not None else None,
            in_flight=self._dispatcher.in_flight,
            queued=self._dispatcher.queued,
            rss_bytes=self._rss_bytes,
            restarts=self._restarts,
            load_s=self._load_s,
            last_error=self._last_error,
        )

    async def close(self) -> None:
        """Ends the worker, and the calls that run or wait."""
        self._closed = True
        self._dispatcher.detach(_stopping)
        self._dispatcher.refuse_queued(_stopping)
        if self._life is not None:
            self._life.cancel()
            await asyncio.wait([self._life])

    def _state(self) -> WorkerState:
        if self._life is None:
            return "failed" if self._failed_starts else "stopped"
        if not self._loaded:
            return "starting"
        return "busy" if self._dispatcher.in_flight else "warm"

    def _limit_s(self, timeout_s: float | None) -> float:
        return self._spec.timeout_s if timeout_s is None else min(timeout_s, self._spec.timeout_s)

    def _submit(self, call: UnaryCall | StreamCall) -> None:
        if self._closed:
            raise _stopping()
        if self._life is None:
            wait_s = self._retry_at - self._loop.time()
            if wait_s > 0:
                raise _unavailable(wait_s)
            self._dispatcher.submit(call)
            self._life = self._loop.create_task(self._live())
        else:
            self._dispatcher.submit(call)

    def _decode(self, signature: Signature, value: msgspec.Raw) -> Any:
        try:
            return signature.result.decode(value)
        except msgspec.MsgspecError as error:
            cause = f"{signature.method} returned a wrong value: {error}"
            raise logged(self._spec.name, cause) from None

    async def _live(self) -> None:
        """Keeps a worker for as long as calls wait for one."""
        try:
            while self._dispatcher.queued:
                try:
                    await self._serve()
                except Exception as error:  # whatever it is, the calls that wait must hear of it
                    self._start_failed(f"{type(error).__name__}: {error}")
        finally:
            self._life = None

    async def _serve(self) -> None:
        """One worker's life. Raises EnvironmentFailed and OSError where it cannot begin."""
        module = self._spec.name.partition(":")[0]
        environment = await self._environments.provide(module, self._spec.requirements)
        self._load_traceback, self._killed_for = "", None
        self._started_at = self._loop.time()
        self._worker = worker = WorkerProcess(self._receive)
        await worker.start(self._spec, environment, data=self._data, log=self._log)
        self._restarts += self._ended_early
        self._ended_early = False
        exit_code = asyncio.create_task(worker.wait())
        try:
            while not exit_code.done():
                self._watch(worker)
                await asyncio.wait([exit_code], timeout=TICK_S)
        finally:
            worker.kill()
            self._ended(worker, await exit_code)

    def _receive(self, reply: protocol.Reply, size: int) -> None:
        if self._loaded:
            self._dispatcher.receive(reply, size)
        elif isinstance(reply, protocol.LoadFailed):
            self._load_traceback = reply.traceback
        elif self._worker is not None:
            self._loaded = True
            self._load_s = self._loop.time() - self._started_at
            self._rss_bytes = resident_bytes(self._worker.pid or 0)
            self._failed_starts = 0
            self._dispatcher.attach(self._worker.send)

    def _watch(self, worker: WorkerProcess) -> None:
        """Kills the worker where it breaks a limit or is not needed any more."""
        now = self._loop.time()
        limit_log(self._log)
        self._rss_bytes = resident_bytes(worker.pid or 0)
        if self._killed_for is not None:
            return
        if self._rss_bytes > self._spec.memory_gib * GIB:
            self._kill(worker, "memory")
        elif not self._loaded:
            if now - self._started_at > LOAD_TIMEOUT_S:
                self._kill(worker, "load")
        elif self._dispatcher.stop_overdue(now):
            self._kill(worker, "timeout")
        elif self._dispatcher.idle_s(now) > self._spec.keep_warm_s:
            self._kill(worker, "idle")

    def _kill(self, worker: WorkerProcess, cause: KillCause) -> None:
        """Ends the worker. Its calls hear of it now; those that come from now on wait for the next one."""
        self._killed_for = cause
        self._dispatcher.detach(self._out_of_memory if cause == "memory" else _interrupted)
        worker.kill()

    def _ended(self, worker: WorkerProcess, exit_code: int) -> None:
        loaded, self._loaded = self._loaded, False
        self._worker, self._rss_bytes = None, 0
        cause = f"the worker ended with exit code {exit_code}"
        if self._killed_for is not None:
            cause = _KILL_CAUSES[self._killed_for]
        elif self._load_traceback:
            logger.error("%s cannot be loaded: %s", self._spec.name, self._load_traceback)
            cause = self._load_traceback.strip().splitlines()[-1]
        elif worker.was_oom_killed(exit_code):
            cause = "the system ran out of memory and killed the worker"
            self._dispatcher.detach(self._out_of_memory)
        self._dispatcher.detach(_interrupted)
        if self._closed or self._killed_for == "idle":
            return
        if loaded:
            self._ended_early = True
            self._last_error = cause
            logger.error("%s was interrupted: %s", self._spec.name, cause)
        else:
            self._start_failed(cause)

    def _start_failed(self, cause: str) -> None:
        """Refuses the calls that wait, and those that come before the next attempt is due."""
        wait_s = min(BACKOFF_S[0] * 2.0 ** min(self._failed_starts, 16), BACKOFF_S[1])
        self._failed_starts += 1
        self._retry_at = self._loop.time() + wait_s
        self._last_error = cause
        self._worker = None
        logger.error("%s cannot start: %s", self._spec.name, cause)
        self._dispatcher.refuse_queued(lambda: _unavailable(wait_s))

    def _out_of_memory(self) -> SkyhookError:
        return errors.FunctionOutOfMemory(
            f"The function used more memory than the {self._spec.memory_gib:g} GiB that it may use."
        )


def _frame(number: int, signature: Signature, argument: Any) -> bytes:
    try:
        return protocol.frame(protocol.Call(number, signature.method, argument))
    except protocol.Unencodable as error:
        raise errors.FunctionBadArgument(f"The argument cannot be sent to the function: {error}.") from None


def _interrupted() -> SkyhookError:
    return errors.FunctionInterrupted("The function's worker ended during the call. Try again.")


def _stopping() -> SkyhookError:
    return errors.FunctionInterrupted("The server is stopping. Try again.")


def _unavailable(wait_s: float) -> SkyhookError:
    return errors.FunctionUnavailable(
        "The function cannot start; its operator finds the cause in its status. Try again later.",
        retry_after_s=max(1.0, round(wait_s, 1)),
    )
