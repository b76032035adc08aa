"""A running job, as its body sees it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import aclosing
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID, uuid5

import msgspec

from skyhook.artifacts.models import Artifact
from skyhook.artifacts.provenance import Notary
from skyhook.artifacts.service import Artifacts
from skyhook.catalogue.service import CatalogueModel
from skyhook.compute.backend import Compute, Detached
from skyhook.compute.expenses import Expenses
from skyhook.database import Database
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.function import spec_of
from skyhook.jobs.detached import DetachedCalls
from skyhook.operations.asks import Asks
from skyhook.operations.caller import Caller

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")

REPORT_S = 0.4
"""How often progress is written, at most."""
PREVIEW_BYTES = 128 * 1024
PAUSES_S = (1.0, 5.0)
"""Before a step is tried again that failed in a way which may pass; longer where the error says so."""
LONGEST_PAUSE_S = 60.0


class Reporter(Protocol):
    """Writes where a job stands."""

    async def report(
        self, job_id: UUID, fraction: float, stage: str, preview: bytes | None, quantities: Mapping[str, int]
    ) -> None:
        """Tells everybody who watches; raises CancelledError where the job runs elsewhere by now."""
        ...

    async def step(self, name: str, body: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """As `Workflows.step`."""
        ...


class _Step(msgspec.Struct, array_like=True):
    """What is remembered of a step."""

    result: msgspec.Raw
    counted: dict[str, int]
    expenses: Expenses = msgspec.field(default_factory=Expenses)


class JobRun:
    """One run of a job. After a crash there is another one, which is given what the steps before it made."""

    def __init__(
        self,
        *,
        job_id: UUID,
        organization_id: UUID,
        operation: str,
        model: CatalogueModel | None,
        folder: Path,
        database: Database,
        artifacts: Artifacts,
        notary: Notary,
        compute: Compute,
        asks: Asks,
        settings: Callable[[type[Any]], Any],
        caller: Callable[[], Awaitable[Caller]],
        reporter: Reporter,
    ) -> None:
        self.job_id = job_id
        self.organization_id = organization_id
        self.operation = operation
        self.model = model
        self.folder = folder
        """A temporary folder of this run, removed at its end."""
        self.database = database
        """For the plugin's own tables: what is written there is not undone where the job fails."""
        self.artifacts = artifacts
        self.notary = notary
        self.quantities: dict[str, int] = {}
        """What was served so far, by meter."""
        self.expenses = Expenses()
        """What it cost so far."""
        self._compute = compute
        self._detached = DetachedCalls(database, compute, job_id) if isinstance(compute, Detached) else None
        self._asks = asks
        self._settings = settings
        self._caller = caller
        self._reporter = reporter
        self._reported_at = 0.0
        self._at: tuple[float, str] = (0.0, "")

    def settings(self, settings: type[T]) -> T:
        """The plugin's settings as they are now, by their class."""
        current: T = self._settings(settings)
        return current

    def meter(self, meter: str, quantity: int) -> None:
        """Counts what was served: charged when the job completes, and when it is cancelled."""
        self.quantities[meter] = self.quantities.get(meter, 0) + quantity

    async def step(self, name: str, result_type: type[T], body: Callable[[], Awaitable[T]]) -> T:
        """Runs `body` and remembers, durably, what it returned and metered.

        A later run gets that without running `body`. A step that is cut off runs again, so what it does
        outside must be harmless twice. Steps run one after the other, in the same order and by the same names
        in each run. The result is kept as JSON: store bytes with `store`, and return ids. An error that is
        retryable is tried again twice.
        """

        async def work() -> str:
            if self._detached is not None:
                self._detached.enter(name)
            before, spent_before = dict(self.quantities), self.expenses
            self.expenses = spent = Expenses()
            try:
                result = await self._patiently(body, before)
            except BaseException:
                spent_before.merge(spent)
                raise
            finally:
                self.expenses = spent_before
            counted = {meter: quantity - before.get(meter, 0) for meter, quantity in self.quantities.items()}
            self.quantities = before
            return msgspec.json.encode((result, counted, spent)).decode()

        stored = msgspec.json.decode(await self._reporter.step(name, work), type=_Step)
        for meter, quantity in stored.counted.items():
            self.meter(meter, quantity)
        self.expenses.merge(stored.expenses)
        return msgspec.json.decode(stored.result, type=result_type)

    async def _patiently(self, body: Callable[[], Awaitable[T]], before: Mapping[str, int]) -> T:
        for at_least_s in PAUSES_S:
            try:
                return await body()
            except SkyhookError as error:
                if not error.retryable:
                    raise
                pause_s = min(max(at_least_s, error.retry_after_s or 0.0), LONGEST_PAUSE_S)
            self.quantities = dict(before)
            await asyncio.sleep(pause_s)
        return await body()

    async def progress(self, fraction: float, stage: str = "", preview: bytes | None = None) -> None:
        """Tells who watches how far the job is, from 0 to 1, and what it does.

        `preview` is a small JPEG. Call it as often as there is something new; it is written now and then.
        """
        if preview is not None and len(preview) > PREVIEW_BYTES:
            raise InvalidInput(f"A preview has at most {PREVIEW_BYTES} bytes.", field="preview")
        at = (min(max(fraction, self._at[0]), 1.0), stage[:200] or self._at[1])
        is_new_stage = at[1] != self._at[1]
        self._at = at
        if not is_new_stage and time.monotonic() - self._reported_at < REPORT_S:
            return
        self._reported_at = time.monotonic()
        await self._reporter.report(self.job_id, *at, preview, self.quantities)

    async def compute(self, method: Callable[[F, A], R], argument: A) -> R:
        """Calls a function's method on the configured backend.

        A call outlives this process where the backend can do that, unless the function is isolated.
        """
        if self._detached is None or spec_of(method).isolated:
            return await self._compute.call(method, argument, expenses=self.expenses)
        async with aclosing(self._detached.run(method, argument, self.expenses)) as results:
            return cast(R, await anext(results))

    def stream(self, method: Callable[[F, A], Iterator[R]], argument: A) -> AsyncGenerator[R, None]:
        """Streams from a function's method on the configured backend.

        What is `skyhook.function.Transient` comes while the method runs, and may be left out. On a backend
        whose calls outlive this process, the rest comes at the call's end.
        """
        if self._detached is None or spec_of(method).isolated:
            return self._compute.stream(method, argument, expenses=self.expenses)
        return self._detached.run(method, argument, self.expenses)

    async def end(self, *, completed: bool) -> None:
        """The job has ended: what of it still runs elsewhere is stopped. For the runner alone."""
        if self._detached is not None:
            await self._detached.end(cancel=not completed)

    async def ask(
        self, operation: str, request: msgspec.Struct, event_type: type[T], *, key: str
    ) -> AsyncGenerator[T, None]:
        """Another plugin's operation, as `Asks.stream`, for whoever submitted the job and pays for it apart.

        The same `key` is answered once: a later run is given the answer of the one before, uncharged.
        Also raises KeyRevoked or KeyExpired, where the key that submitted the job may not be used any more.
        """
        caller = await self._caller()
        idempotency_key = f"job:{self.job_id}:{key}"
        events = self._asks.stream(caller, operation, request, event_type, idempotency_key=idempotency_key)
        async with aclosing(events):
            async for event in events:
                yield event

    async def store(
        self, content: bytes | Path, *, name: str, key: str, media_type: str | None = None
    ) -> Artifact:
        """Stores a file that belongs to the job, and goes with it. The same `key` is stored once.

        Raises as `Artifacts.put` does.
        """
        return await self.artifacts.put(
            self.organization_id,
            content,
            name=name,
            media_type=media_type,
            job_id=self.job_id,
            made_by=self.operation,
            id=uuid5(self.job_id, key),
        )

    async def load(self, artifact_id: UUID) -> Artifact:
        """A file of the job's organization. Raises NotFound or ArtifactGone."""
        return await self.artifacts.get(self.organization_id, artifact_id)
