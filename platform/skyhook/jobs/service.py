"""Jobs: submit, read, watch, cancel and repeat them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Select, func, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import Billing, IdempotencyKeyReused
from skyhook.billing.reservations import Reservation
from skyhook.catalogue.service import CatalogueModel
from skyhook.clock import new_id, now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.jobs import writes
from skyhook.jobs.errors import JobEnded, JobNotEnded, JobNotFound
from skyhook.jobs.models import ENDED, Job, JobBatch, JobPriority, JobState
from skyhook.jobs.runner import Runner, Tools
from skyhook.jobs.upkeep import Upkeep
from skyhook.jobs.watching import Watchers
from skyhook.jobs.workflows import Workflows
from skyhook.operations.caller import Caller
from skyhook.operations.run import Asked, payer_of
from skyhook.plugins.manifest import JobSpec, Operation, Plugin
from skyhook.usage.activity import Activity
from skyhook.webhooks.events import JOB_CANCELLED
from skyhook.webhooks.service import Webhooks

KEEP = timedelta(days=30)
LONGEST_KEEP = timedelta(days=365)
LONGEST_LIFE = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Wishes:
    """How a caller wants a job to be handled."""

    priority: JobPriority = JobPriority.NORMAL
    cancel_after: timedelta | None = None
    """It is cancelled if it has not ended so long after it was submitted."""
    keep: timedelta = KEEP
    """How long after its end its result is kept."""
    batch_id: UUID | None = None


class Jobs:
    """One for each server process. Without `start` jobs are submitted, and run by another process."""

    def __init__(
        self,
        database: Database,
        configuration: Configuration,
        billing: Billing,
        webhooks: Webhooks,
        operations: Mapping[str, tuple[Plugin, Operation]],
        tools: Tools,
        activity: Activity,
    ) -> None:
        self._database = database
        self._billing = billing
        self._webhooks = webhooks
        self._operations = operations
        self._watchers = Watchers()
        process_id = new_id()
        workflows = Workflows(
            database.url,
            process_id,
            at_once=configuration.jobs_at_once,
            per_organization=configuration.jobs_per_organization,
        )
        folder = configuration.data / "jobs"
        self._runner = Runner(
            database, billing, webhooks, operations, tools, workflows, self._watchers, activity, folder
        )
        self._upkeep = Upkeep(
            database, tools.artifacts, workflows, self._runner, process_id, self.cancel_waiting
        )

    async def start(self, *, beside_another: bool = False) -> None:
        """Begins to run what is queued, and what other processes left behind.

        On SQLite those are all others, unless this one starts `beside_another` that still runs.
        """
        await self._runner.start()
        await self._upkeep.start(beside_another=beside_another)

    async def close(self) -> None:
        """Stops; what runs is gone on with by another process, or by the next one."""
        await self._upkeep.close()
        await self._runner.close()
        await self._upkeep.leave()

    async def submit(self, asked: Asked, wishes: Wishes | None = None) -> Job:
        """Queues an operation, with what it can cost set aside. The same idempotency key gives the same job.

        Raises Forbidden, InsufficientCredit, BudgetExceeded, IdempotencyKeyReused, or InvalidInput.
        """
        plugin, operation = self._operations[asked.operation]
        spec = spec_of(operation)
        asked.caller.require(operation.scope)
        wishes = wishes or Wishes()
        _check(wishes)
        if wishes.batch_id is not None:
            await self.batch(asked.caller, wishes.batch_id)
        if not isinstance(asked.arguments, spec.request):
            raise TypeError(f"{operation.name} takes a {spec.request.__name__}")
        if before := await self._submitted(asked):
            return before
        job = self._row(plugin, asked, wishes)
        model = asked.model.name if asked.model else None

        async def write(session: AsyncSession, reservation: Reservation) -> Job:
            job.held = reservation.amount
            job.holds = [[str(hold), str(spent)] for hold, spent in reservation.holds]
            session.add(job)
            await session.flush()
            return job

        try:
            await self._billing.reserve(payer_of(asked.caller), asked.at_most, model, write)
        except IntegrityError:
            if (before := await self._submitted(asked)) is None:
                raise
            return before
        await self._runner.enqueue(job)
        return job

    async def get(self, caller: Caller, job_id: UUID) -> Job:
        """A job of the caller's organization. Raises JobNotFound."""
        async with self._database.read() as session:
            query = select(Job).where(Job.id == job_id, Job.organization_id == caller.organization_id)
            job = (await session.scalars(query)).one_or_none()
        if job is None:
            raise JobNotFound("This organization never had such a job.")
        return job

    def watch(self, caller: Caller, job_id: UUID) -> AsyncIterator[Job]:
        """The job as it is now and after each change, until it has ended. Raises JobNotFound."""
        return self._watchers.watch(job_id, lambda: self.get(caller, job_id))

    async def cancel(self, caller: Caller, job_id: UUID) -> Job:
        """Cancels a job: one that waits at once and for free, one that runs within seconds, for its part.

        A second time changes nothing. Raises JobNotFound, or JobEnded where it completed or failed before.
        """
        job = await self.get(caller, job_id)
        if job.state == JobState.QUEUED and await self.cancel_waiting(job_id):
            return await self.get(caller, job_id)
        async with self._database.write() as session:
            await session.execute(
                update(Job)
                .where(Job.id == job_id, Job.state == JobState.RUNNING, Job.cancel_requested_at.is_(None))
                .values(cancel_requested_at=now(), version=Job.version + 1)
                .execution_options(synchronize_session=False)
            )
        self._runner.cancel(job_id)
        self._watchers.notify(job_id)
        job = await self.get(caller, job_id)
        if job.state in ENDED and job.state != JobState.CANCELLED:
            raise JobEnded(f"The job is {job.state} already.")
        return job

    async def cancel_waiting(self, job_id: UUID) -> bool:
        """Cancels a job that waits, for free; whether it did still wait."""
        at = now()
        async with self._database.write() as session:
            job = await writes.end(session, job_id, JobState.QUEUED, None, JobState.CANCELLED, at)
            if job is None:
                return False
            await self._billing.give_back(session, writes.reservation_of(job))
            await self._webhooks.publish(
                session, job.organization_id, JOB_CANCELLED, writes.event_of(job), key=f"job:{job.id}"
            )
        self._webhooks.wake()
        self._watchers.notify(job_id)
        return True

    async def retry(self, caller: Caller, job_id: UUID, model: CatalogueModel | None) -> Job:
        """Submits again what failed or was cancelled, as a new job.

        `model` is the catalogue's, where the job has one. Raises JobNotFound, or JobNotEnded where it may
        still complete, JobEnded where it did or has expired; and as `submit` does.
        """
        job = await self.get(caller, job_id)
        if job.state in (JobState.QUEUED, JobState.RUNNING):
            raise JobNotEnded(f"The job is {job.state}: cancel it first.")
        if job.state in (JobState.COMPLETED, JobState.EXPIRED):
            raise JobEnded(f"The job is {job.state}: submit it anew.")
        _, operation = self._operations[job.operation]
        request: Any = msgspec.json.decode(job.request, type=spec_of(operation).request)
        asked = Asked(caller, job.operation, request, job.at_most, model)
        wishes = Wishes(JobPriority(job.priority), None, timedelta(seconds=job.keep_s), job.batch_id)
        repeated = await self.submit(asked, wishes)
        async with self._database.write() as session:
            await session.execute(update(Job).where(Job.id == repeated.id).values(retry_of=job.id))
        repeated.retry_of = job.id
        return repeated

    async def positions(self, organization_id: UUID) -> dict[UUID, int]:
        """The place in the organization's queue of each of its jobs that wait, from 1."""
        order = (Job.priority, Job.created_at, Job.id)
        place = func.row_number().over(order_by=order)
        query = select(Job.id, place).where(
            Job.organization_id == organization_id, Job.state == JobState.QUEUED
        )
        async with self._database.read() as session:
            return {row[0]: row[1] for row in await session.execute(query)}

    async def under_way(self, organization_id: UUID) -> dict[JobState, int]:
        """How many of the organization's jobs wait, and how many run."""
        query = (
            select(Job.state, func.count())
            .where(Job.organization_id == organization_id, Job.state.in_((JobState.QUEUED, JobState.RUNNING)))
            .group_by(Job.state)
        )
        async with self._database.read() as session:
            counted = {row[0]: row[1] for row in await session.execute(query)}
        return {state: counted.get(state, 0) for state in (JobState.RUNNING, JobState.QUEUED)}

    async def previews(self, organization_id: UUID, job_ids: Sequence[UUID]) -> dict[UUID, bytes]:
        """The latest preview, a small JPEG, of those of the organization's jobs that have one."""
        query = select(Job.id, Job.preview).where(Job.id.in_(job_ids), Job.organization_id == organization_id)
        async with self._database.read() as session:
            rows = await session.execute(query)
            return {job_id: preview for job_id, preview in rows if preview is not None}

    async def create_batch(self, caller: Caller, name: str) -> JobBatch:
        """A batch to submit jobs in. Raises InvalidInput."""
        if not 1 <= len(name) <= 200 or not name.isprintable():
            raise InvalidInput("A name has 1 to 200 printable characters.", field="name")
        async with self._database.write() as session:
            batch = JobBatch(id=new_id(), organization_id=caller.organization_id, name=name)
            session.add(batch)
        return batch

    async def batch(self, caller: Caller, batch_id: UUID) -> JobBatch:
        """A batch of the caller's organization. Raises InvalidInput."""
        async with self._database.read() as session:
            batch = await session.get(JobBatch, batch_id)
        if batch is None or batch.organization_id != caller.organization_id:
            raise InvalidInput("This organization has no such batch.", field="batchId")
        return batch

    async def cancel_batch(self, caller: Caller, batch_id: UUID) -> int:
        """Cancels what of a batch has not ended; how many jobs those are. Raises InvalidInput."""
        await self.batch(caller, batch_id)
        async with self._database.read() as session:
            query = select(Job.id).where(
                Job.batch_id == batch_id, Job.state.in_((JobState.QUEUED, JobState.RUNNING))
            )
            ids: Sequence[UUID] = (await session.scalars(query)).all()
        cancelled = 0
        for job_id in ids:
            try:
                await self.cancel(caller, job_id)
                cancelled += 1
            except JobEnded:
                continue  # it was quicker
        return cancelled

    async def _submitted(self, asked: Asked) -> Job | None:
        if asked.idempotency_key is None:
            return None
        async with self._database.read() as session:
            query = select(Job).where(
                Job.organization_id == asked.caller.organization_id,
                Job.idempotency_key == asked.idempotency_key,
            )
            job = (await session.scalars(query)).one_or_none()
        if job is not None and (job.operation, job.fingerprint) != (asked.operation, asked.fingerprint):
            raise IdempotencyKeyReused(
                "This idempotency key belongs to another request. Use a new key for a new request.",
                field="idempotencyKey",
            )
        return job

    @staticmethod
    def _row(plugin: Plugin, asked: Asked, wishes: Wishes) -> Job:
        at = now()
        caller = asked.caller
        return Job(
            id=new_id(),
            organization_id=caller.organization_id,
            key_id=caller.key_id,
            user_id=caller.user_id,
            plugin=plugin.name,
            operation=asked.operation,
            model=asked.model.name if asked.model else None,
            batch_id=wishes.batch_id,
            idempotency_key=asked.idempotency_key,
            fingerprint=asked.fingerprint,
            state=JobState.QUEUED,
            priority=wishes.priority,
            request=msgspec.json.encode(asked.arguments),
            at_most=dict(asked.at_most),
            quantities={},
            deadline_at=at + wishes.cancel_after if wishes.cancel_after else None,
            keep_s=round(wishes.keep.total_seconds()),
            created_at=at,
        )


def jobs_of(
    organization_id: UUID, state: JobState | None = None, operation: str | None = None
) -> Select[Job]:
    """Selects the organization's jobs: all, or those in a state, or of an operation."""
    query = select(Job).where(Job.organization_id == organization_id)
    if state is not None:
        query = query.where(Job.state == state)
    if operation is not None:
        query = query.where(Job.operation == operation)
    return query


def spec_of(operation: Operation) -> JobSpec:
    """How an operation runs as a job. Raises TypeError for one that does not."""
    if operation.job is None:
        raise TypeError(f"{operation.name} is not declared as a job")
    return operation.job


def _check(wishes: Wishes) -> None:
    second = timedelta(seconds=1)
    if wishes.cancel_after is not None and not second <= wishes.cancel_after <= LONGEST_LIFE:
        raise InvalidInput("A job is cancelled after 1 to 604800 seconds (7 days).", field="cancelAfter")
    if not second <= wishes.keep <= LONGEST_KEEP:
        raise InvalidInput("A result is kept for 1 to 31536000 seconds (365 days).", field="keep")
