"""Runs jobs in this process: begins them, watches over them, and writes how they ended."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.artifacts.provenance import Notary
from skyhook.artifacts.service import Artifacts
from skyhook.billing import Billing
from skyhook.catalogue.service import Catalogue
from skyhook.clock import new_id, now
from skyhook.compute.backend import Compute
from skyhook.database import Database
from skyhook.errors import SkyhookError
from skyhook.jobs import writes
from skyhook.jobs.errors import JobGaveUp
from skyhook.jobs.models import Job, JobState
from skyhook.jobs.run import JobRun
from skyhook.jobs.watching import Watchers
from skyhook.jobs.workflows import Workflows
from skyhook.operations.asks import Asks
from skyhook.operations.caller import Caller
from skyhook.operations.request import REQUEST_ID
from skyhook.plugins.configuring import PluginSettings
from skyhook.plugins.errors import PluginDisabled
from skyhook.plugins.failures import Failures
from skyhook.plugins.manifest import JobSpec, Operation, Plugin
from skyhook.plugins.switches import Switches
from skyhook.usage.activity import Activity
from skyhook.webhooks.events import JOB_CANCELLED, JOB_COMPLETED, JOB_FAILED
from skyhook.webhooks.service import Webhooks

MOST_RUNS = 20
"""A job that so often took its process with it is not begun again."""
RETRY_S = 2.0
"""Before the end of a job is written again that the database did not take."""

_EVENTS = {
    JobState.COMPLETED: JOB_COMPLETED,
    JobState.FAILED: JOB_FAILED,
    JobState.CANCELLED: JOB_CANCELLED,
}
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Tools:
    """What the bodies of jobs work with."""

    artifacts: Artifacts
    notary: Notary
    catalogue: Catalogue
    compute: Compute
    asks: Asks
    caller_of: Callable[[UUID], Awaitable[Caller]]
    """Whom a key stands for; raises where it may not be used any more."""
    switches: Switches
    settings: PluginSettings
    failures: Failures


@dataclass(slots=True)
class _Running:
    job: Job
    body: asyncio.Task[Any]
    is_cancelled: bool = False
    """Its caller or its deadline wants it to end."""


@dataclass(frozen=True, slots=True)
class _Outcome:
    state: JobState
    result: bytes | None = None
    error: SkyhookError | None = None


class Runner:
    """One for each server process."""

    def __init__(
        self,
        database: Database,
        billing: Billing,
        webhooks: Webhooks,
        operations: Mapping[str, tuple[Plugin, Operation]],
        tools: Tools,
        workflows: Workflows,
        watchers: Watchers,
        activity: Activity,
        folder: Path,
    ) -> None:
        self._database = database
        self._billing = billing
        self._webhooks = webhooks
        self._operations = operations
        self._tools = tools
        self._workflows = workflows
        self._watchers = watchers
        self._activity = activity
        self._folder = folder
        self._running: dict[UUID, _Running] = {}
        self._is_started = False

    async def start(self) -> None:
        """Begins to run what is queued."""
        self._is_started = True
        await self._workflows.start(self.run)

    async def close(self) -> None:
        """Stops what runs, so that this or another process goes on with it later."""
        bodies = [running.body for running in self._running.values()]
        for body in bodies:
            body.cancel()
        await asyncio.gather(*bodies, return_exceptions=True)
        await self._workflows.close()

    async def enqueue(self, job: Job) -> None:
        """Has a job run, here or in another process; where this fails the upkeep does it later."""
        if self._is_started:
            try:
                await self._workflows.enqueue(job.id, job.organization_id, job.priority)
            except Exception:
                _log.exception("job %s is queued later", job.id)

    def cancel(self, job_id: UUID) -> None:
        """Ends a run of this process, where there is one, as cancelled."""
        running = self._running.get(job_id)
        if running is not None:
            running.is_cancelled = True
            running.body.cancel()

    @property
    def running_ids(self) -> list[UUID]:
        """The jobs that run in this process."""
        return list(self._running)

    async def run(self, job_id: UUID) -> None:
        """Runs a job to its end, as its workflow. Raises CancelledError where this process stops before."""
        async with self._database.write() as session:
            job = await writes.begin(session, job_id, now())
        if job is None:
            return
        self._watchers.notify(job_id)
        REQUEST_ID.set(str(job_id))
        with contextlib.ExitStack() as stack:
            self._folder.mkdir(parents=True, exist_ok=True)
            folder = stack.enter_context(tempfile.TemporaryDirectory(dir=self._folder))
            run = JobRun(
                job_id=job.id,
                organization_id=job.organization_id,
                operation=job.operation,
                model=None,
                folder=Path(folder),
                database=self._database,
                artifacts=self._tools.artifacts,
                notary=self._tools.notary,
                compute=self._tools.compute,
                asks=self._tools.asks,
                settings=self._tools.settings.of,
                caller=partial(self._caller, job),
                reporter=self,
            )
            running = _Running(job, asyncio.create_task(self._body(job, run)))
            self._running[job_id] = running
            stack.callback(self._running.pop, job_id, None)
            self._activity.began(job.organization_id)
            stack.callback(self._activity.ended, job.organization_id)
            if job.cancel_requested_at is not None:
                self.cancel(job_id)
            outcome = await self._outcome(running)
            await self._end(job, run, outcome)
            await self._leave(job, run, outcome)
            if outcome.state == JobState.FAILED:
                self._activity.failed(job.organization_id)

    async def step(self, name: str, body: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """As `Workflows.step`."""
        return await self._workflows.step(name, body)

    async def report(
        self, job_id: UUID, fraction: float, stage: str, preview: bytes | None, quantities: Mapping[str, int]
    ) -> None:
        """Writes where a job stands; raises CancelledError where it runs elsewhere by now."""
        running = self._running[job_id]
        job = running.job
        cost = min(self._billing.cost(job.organization_id, quantities, job.model), job.held)
        async with self._database.write() as session:
            is_ours = await writes.report(session, job, fraction, stage, preview, quantities, cost)
        if not is_ours:
            raise asyncio.CancelledError
        self._watchers.notify(job_id)

    async def _body(self, job: Job, run: JobRun) -> Any:
        if job.runs > MOST_RUNS:
            raise JobGaveUp(f"The process that ran it died {MOST_RUNS} times. Submit it anew, or smaller.")
        plugin, operation = self._operations[job.operation]
        if job.runs == 1 and plugin.name in await self._tools.switches.disabled(job.organization_id):
            raise PluginDisabled(plugin.name)
        spec = operation.job
        if spec is None:
            raise TypeError(f"{operation.name} is not declared as a job")
        if job.model is not None:
            run.model = await self._tools.catalogue.get(plugin.name, job.model)
        request: Any = msgspec.json.decode(job.request, type=spec.request)
        return _checked(spec, await spec.run(run, request))

    async def _caller(self, job: Job) -> Caller:
        if job.key_id is None:
            disabled = await self._tools.switches.disabled(job.organization_id)
            return Caller(job.organization_id, job.user_id, None, frozenset({"*"}), disabled_plugins=disabled)
        return await self._tools.caller_of(job.key_id)

    async def _outcome(self, running: _Running) -> _Outcome:
        try:
            result = await running.body
        except asyncio.CancelledError:
            if not running.is_cancelled:
                raise
            return _Outcome(JobState.CANCELLED)
        except SkyhookError as error:
            return _Outcome(JobState.FAILED, error=error)
        except Exception:
            reference = new_id()
            _log.exception("job %s failed, reference %s", running.job.id, reference)
            return _Outcome(JobState.FAILED, error=_internal(reference))
        return _Outcome(JobState.COMPLETED, result=msgspec.json.encode(result))

    async def _end(self, job: Job, run: JobRun, outcome: _Outcome) -> None:
        if outcome.error is not None:
            self._tools.failures.note(job.organization_id, job.plugin, job.operation, outcome.error)
        while True:
            try:
                async with self._database.write() as session:
                    await self._write_end(session, job, run, outcome, now())
                break
            except Exception:
                _log.exception("the end of job %s is written again in %s s", job.id, RETRY_S)
                await asyncio.sleep(RETRY_S)
        self._webhooks.wake()
        self._watchers.notify(job.id)

    async def _leave(self, job: Job, run: JobRun, outcome: _Outcome) -> None:
        try:
            await run.end(completed=outcome.state == JobState.COMPLETED)
        except Exception:  # the job has ended all the same
            _log.exception("what job %s has begun elsewhere was not stopped", job.id)

    async def _write_end(
        self, session: AsyncSession, job: Job, run: JobRun, outcome: _Outcome, at: datetime
    ) -> None:
        row = await writes.end(session, job.id, JobState.RUNNING, job.run_id, outcome.state, at)
        if row is None:
            return
        if outcome.state == JobState.FAILED:
            row.cost, row.quantities = 0, {}
            await writes.fail_expenses(session, row, run.expenses, at)
            await self._billing.give_back(session, writes.reservation_of(row))
        else:
            row.quantities = dict(run.quantities)
            row.cost = await self._billing.charge(
                session, writes.served(row, run.quantities, run.expenses, outcome.state, at)
            )
        row.result = outcome.result
        if outcome.state == JobState.COMPLETED:
            row.progress = 1.0
        if outcome.error is not None:
            row.error_code, row.error_message = outcome.error.code, outcome.error.message
            row.error_retryable = outcome.error.retryable
        await session.flush()
        event = writes.event_of(row)
        await self._webhooks.publish(
            session, row.organization_id, _EVENTS[outcome.state], event, key=f"job:{row.id}"
        )


def _checked(spec: JobSpec, result: Any) -> Any:
    if not isinstance(result, spec.result):
        raise TypeError(f"a job gave back a {type(result).__name__}, not a {spec.result.__name__}")
    return result


def _internal(reference: UUID) -> SkyhookError:
    return SkyhookError(f"The job failed. Its cause is in the server's log under reference {reference}.")
