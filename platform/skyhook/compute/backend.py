"""The interface of every compute backend."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from skyhook.compute.expenses import Expenses
from skyhook.errors import SkyhookError
from skyhook.function import FunctionSpec

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")

WorkerState = Literal["stopped", "starting", "warm", "busy", "failed"]


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What one function's worker is doing."""

    function: str
    """The function's name, `module:Class`."""
    state: WorkerState
    """`stopped`: no worker, the next call starts one; `failed`: the last start failed."""
    pid: int | None
    in_flight: int
    """Calls that the worker runs now."""
    queued: int
    """Calls that wait for the worker."""
    rss_bytes: int
    """The worker's resident memory when it was last looked at; 0 where there is no worker."""
    restarts: int
    """How often the worker was started again after it had ended by itself or had to be killed."""
    load_s: float | None
    """How long the last cold start took, until the worker could be called; None before the first."""
    last_error: str | None
    """Why the worker last failed to start or ended before its time; for operators, not for callers."""


class Compute(Protocol):
    """Calls functions by the unbound methods of their marked classes: `call(ChatModel.complete, request)`.

    Both kinds of call raise the errors of `skyhook.compute.errors`, and TypeError where the method is
    not a function's, lacks annotations, or is of the other kind. `timeout_s` shortens the function's own
    limit; it counts from when the body starts, not while the call waits for a worker. `expenses` is told what
    the run cost whoever operates the platform, where that is known: not on a machine of one's own.
    """

    async def start(self) -> None:
        """Makes the backend ready; starts no function."""
        ...

    async def close(self) -> None:
        """Ends every worker; calls that still run or wait get FUNCTION_INTERRUPTED."""
        ...

    async def call(
        self,
        method: Callable[[F, A], R],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> R:
        """Runs the method once and returns its result. Cancelling the call drops the result."""
        ...

    def stream(
        self,
        method: Callable[[F, A], Iterator[R]],
        argument: A,
        *,
        timeout_s: float | None = None,
        expenses: Expenses | None = None,
    ) -> AsyncGenerator[R, None]:
        """Runs the generator method and yields what it yields. Closing the stream closes the generator."""
        ...

    @property
    def problem(self) -> SkyhookError | None:
        """Why no call can be made, as far as it is known; None where nothing is known to be wrong."""
        ...

    def status(self) -> list[WorkerStatus]:
        """One entry for each function that was called since the start."""
        ...

    async def log(self, spec: FunctionSpec, lines: int) -> str:
        """The last lines that a function's workers printed; empty where they printed nothing."""
        ...


@runtime_checkable
class Detached(Protocol):
    """A backend whose calls can go on without the process that began them: what jobs are run by.

    Where it cannot be asked, these raise `skyhook.compute.errors.NotAnswered`: what was begun may go on.
    """

    async def spawn(self, method: Callable[[F, A], Any], argument: A, token: str) -> str:
        """Begins a call of a function that is not isolated; gives the id by which any process collects it.

        Of the calls that are begun with one token, one runs: so a call may be begun again by a process that
        does not know whether one before it did.
        """
        ...

    async def find(self, token: str) -> str | None:
        """The id of the call that was begun with a token, once it runs."""
        ...

    def collect(
        self, call_id: str, method: Callable[[F, A], Any], *, expenses: Expenses | None = None
    ) -> AsyncGenerator[Any, None]:
        """Waits for a spawned call and yields what it yielded, or the one result; raises its error.

        What is `skyhook.function.Transient` comes while the call runs, as far as it can be told; the rest
        comes at its end.
        """
        ...

    async def cancel(self, token: str, call_id: str | None) -> None:
        """Stops what was begun with a token, be its id known or not; what has ended stays as it is."""
        ...
