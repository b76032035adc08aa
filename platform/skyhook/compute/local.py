"""The local compute backend: functions run in worker processes on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import Any, TypeVar, cast

from skyhook.compute.backend import WorkerStatus
from skyhook.compute.checkpoints import CHECKPOINTS, placed
from skyhook.compute.environment import Environments
from skyhook.compute.expenses import Expenses
from skyhook.compute.log import end_of_log, log_path
from skyhook.compute.runner import FunctionRunner
from skyhook.compute.signature import Signature, signature_of
from skyhook.configuration import Configuration
from skyhook.errors import SkyhookError
from skyhook.function import FunctionSpec, spec_of

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")


class LocalCompute:
    """Implements `skyhook.compute.backend.Compute` with one worker process a function.

    A worker is started by its function's first call and ended when it was idle for `keep_warm_s`. All
    methods are called from one event loop.
    """

    def __init__(self, configuration: Configuration) -> None:
        self._data = configuration.data
        self._environments = Environments(self._data / "environments", self._data / "logs")
        self._runners: dict[str, FunctionRunner] = {}
        self._routes: dict[Any, tuple[FunctionRunner, Signature]] = {}

    async def start(self) -> None:
        """Makes the folder that logs and environments lie in; starts no function."""
        self._data.mkdir(parents=True, exist_ok=True)

    async def close(self) -> None:
        """Ends every worker; calls that still run or wait get FUNCTION_INTERRUPTED."""
        await asyncio.gather(*(runner.close() for runner in self._runners.values()))

    async def call(
        self,
        method: Callable[[F, A], R],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> R:
        """Runs the method once and returns its result. Cancelling the call drops the result."""
        runner, signature = self._routes.get(method) or self._route(method)
        if signature.streams:
            raise TypeError(f"{signature.method} yields its results; use `stream`")
        argument = placed(argument, signature.checkpoints, self._data / CHECKPOINTS)
        return cast(R, await runner.call(signature, argument, timeout_s))

    async def stream(
        self,
        method: Callable[[F, A], Iterator[R]],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> AsyncGenerator[R, None]:
        """Runs the generator method and yields what it yields. Closing the stream closes the generator."""
        runner, signature = self._routes.get(method) or self._route(method)
        if not signature.streams:
            raise TypeError(f"{signature.method} returns one result; use `call`")
        argument = placed(argument, signature.checkpoints, self._data / CHECKPOINTS)
        async with aclosing(runner.stream(signature, argument, timeout_s)) as results:
            async for result in results:
                yield result

    @property
    def problem(self) -> SkyhookError | None:
        """None: what is wrong with one function is in its status."""
        return None

    def status(self) -> list[WorkerStatus]:
        """One entry for each function that was called since the start."""
        return [runner.status() for runner in self._runners.values()]

    async def log(self, spec: FunctionSpec, lines: int) -> str:
        """The last lines that a function's workers printed; empty where they printed nothing."""
        return "".join(end_of_log(log_path(self._data, spec.name)).splitlines(keepends=True)[-lines:])

    def _route(self, method: Callable[..., Any]) -> tuple[FunctionRunner, Signature]:
        spec = spec_of(method)
        if spec.name not in self._runners:
            self._runners[spec.name] = FunctionRunner(spec, self._environments, self._data)
        route = self._routes[method] = self._runners[spec.name], signature_of(method)
        return route
