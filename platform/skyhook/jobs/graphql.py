"""GraphQL of jobs: watch, list, cancel and repeat them; plugins' mutations submit them."""

from __future__ import annotations

import base64
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import msgspec
import strawberry
from sqlalchemy import Select, select

from skyhook.artifacts.graphql import Artifact
from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Context, Info
from skyhook.graphql.ids import ByUuid, node_id, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import JSON, BigInt
from skyhook.jobs import models
from skyhook.jobs.service import Wishes, jobs_of
from skyhook.operations.run import Asked
from skyhook.scopes import JOBS_READ, JOBS_WRITE


@strawberry.enum(description="Where a job stands.")
class JobState(Enum):
    QUEUED = strawberry.enum_value(models.JobState.QUEUED.value, description="It waits for its turn.")
    RUNNING = strawberry.enum_value(models.JobState.RUNNING.value)
    COMPLETED = strawberry.enum_value(models.JobState.COMPLETED.value)
    FAILED = strawberry.enum_value(models.JobState.FAILED.value, description="It cost nothing.")
    CANCELLED = strawberry.enum_value(
        models.JobState.CANCELLED.value, description="It cost what it had made until then."
    )
    EXPIRED = strawberry.enum_value(
        models.JobState.EXPIRED.value, description="It ended, and what it made has been deleted since."
    )


@strawberry.enum(description="Which of the organization's waiting jobs go first.")
class JobPriority(Enum):
    HIGH = models.JobPriority.HIGH.value
    NORMAL = models.JobPriority.NORMAL.value
    LOW = models.JobPriority.LOW.value


@strawberry.type(description="Why a job failed.")
class JobError:
    """A job's error."""

    code: str = strawberry.field(description="Stable; see the error reference.")
    message: str = strawberry.field(description="What to do about it.")
    retryable: bool = strawberry.field(description="Whether the same may succeed later: see jobRetry.")


@strawberry.type(description="An operation that goes on after its request, across restarts and crashes.")
class Job(ByUuid, Node):
    """A job of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    operation: str = strawberry.field(description="The mutation that submitted it, such as imagineGenerate.")
    model: str | None
    state: JobState
    priority: JobPriority
    progress: float = strawberry.field(description="From 0 to 1.")
    stage: str = strawberry.field(description="What it does now.")
    request: JSON | None = strawberry.field(
        description="What was asked for, as it is stored: files by their UUID, defaults left out."
    )
    result: JSON | None = strawberry.field(description="What it gave; its files are in `artifacts`.")
    error: JobError | None
    held: BigInt = strawberry.field(description="Nano-dollars: the most that it can cost.")
    cost: BigInt = strawberry.field(description="Nano-dollars: what it cost so far, or in the end.")
    batch_id: strawberry.ID | None = strawberry.field(description="The id of its JobBatch.")
    retry_of_id: strawberry.ID | None = strawberry.field(description="The id of the Job that it repeats.")
    runs: int = strawberry.field(description="How often it was begun: more than once after a crash.")
    created_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    cancel_requested_at: datetime | None
    deadline_at: datetime | None = strawberry.field(description="When it is cancelled if it has not ended.")
    kept_until: datetime | None = strawberry.field(description="When what it made is deleted.")

    @classmethod
    def of(cls, job: models.Job) -> Job:
        """The GraphQL form of a row."""
        return cls(
            id=str(job.id),
            operation=job.operation,
            model=job.model,
            state=JobState(job.state),
            priority=JobPriority(job.priority),
            progress=job.progress,
            stage=job.stage,
            request=msgspec.json.decode(job.request) if job.request else None,
            result=None if job.result is None else msgspec.json.decode(job.result),
            error=_error(job),
            held=cast("BigInt", job.held),
            cost=cast("BigInt", job.cost),
            batch_id=_global_id("JobBatch", job.batch_id),
            retry_of_id=_global_id("Job", job.retry_of),
            runs=job.runs,
            created_at=job.created_at,
            started_at=job.started_at,
            ended_at=job.ended_at,
            cancel_requested_at=job.cancel_requested_at,
            deadline_at=job.deadline_at,
            kept_until=job.kept_until,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Jobs of the caller's organization."""
        info.context.caller.require(JOBS_READ)
        return _jobs(info).where(models.Job.id.in_(ids))

    @strawberry.field(description="A small picture of what is being made: a data URI.")
    async def preview(self, info: Info) -> str | None:
        """The latest preview."""
        return await info.context.loader(_load_previews).load(UUID(self.id))

    @strawberry.field(description="Its place in the organization's queue, from 1; null once it has begun.")
    async def queue_position(self, info: Info) -> int | None:
        """How many go before it, and one."""
        if self.state is not JobState.QUEUED:
            return None
        return await info.context.loader(_load_positions).load(UUID(self.id))

    @strawberry.field(description="The files that it made, oldest first.")
    async def artifacts(self, info: Info) -> list[Artifact]:
        """A job's files."""
        return await info.context.loader(_load_artifacts).load(UUID(self.id))


@strawberry.type(description="Jobs that are looked at, and cancelled, together.")
class JobBatch(ByUuid, Node):
    """A batch of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    name: str
    created_at: datetime

    @classmethod
    def of(cls, batch: models.JobBatch) -> JobBatch:
        """The GraphQL form of a row."""
        return cls(id=str(batch.id), name=batch.name, created_at=batch.created_at)

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Batches of the caller's organization."""
        info.context.caller.require(JOBS_READ)
        return select(models.JobBatch).where(
            models.JobBatch.id.in_(ids),
            models.JobBatch.organization_id == info.context.caller.organization_id,
        )

    @strawberry.field(description="Its jobs, newest first.")
    async def jobs(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[Job]:
        """A page of the batch's jobs."""
        query = _jobs(info).where(models.Job.batch_id == UUID(self.id))
        return await _page(info, query, Page(first, after, last, before))


@strawberry.input(description="How a job is to be handled.")
class JobOptions:
    """A caller's wishes."""

    priority: JobPriority | None = strawberry.field(default=None, description="Default: NORMAL.")
    cancel_after: int | None = strawberry.field(
        default=None,
        description="Seconds, 1 to 604800: it is cancelled if it has not ended so long after now.",
    )
    keep: int = strawberry.field(
        default=30 * 86_400,
        description="Seconds, 1 to 31536000: how long after its end its result and files are kept.",
    )
    batch_id: GlobalID | None = strawberry.field(default=None, description="The id of a JobBatch.")


JobId = Annotated[GlobalID, strawberry.argument(description="The job's id.")]
BatchId = Annotated[GlobalID, strawberry.argument(description="The batch's id.")]


@strawberry.type
class JobsQuery:
    """Root fields of jobs."""

    @strawberry.field(
        description="A job by its id. An id that never was one is the error JOB_NOT_FOUND; a job whose "
        "result has been deleted is EXPIRED."
    )
    async def job(self, info: Info, id: JobId) -> Job:
        """One job."""
        info.context.caller.require(JOBS_READ)
        return Job.of(await info.context.services.jobs.get(info.context.caller, node_uuid(id, "Job", "id")))

    @strawberry.field(description="The organization's jobs, newest first.")
    async def jobs(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        state: JobState | None = None,
        operation: str | None = None,
    ) -> Connection[Job]:
        """A page of jobs."""
        info.context.caller.require(JOBS_READ)
        wanted = None if state is None else models.JobState(cast("str", state.value))
        query = jobs_of(info.context.caller.organization_id, wanted, operation)
        return await _page(info, query, Page(first, after, last, before))


@strawberry.type
class JobsMutation:
    """Root fields of jobs that change something."""

    @strawberry.mutation(
        description="Cancels a job: free while it waits; while it runs it ends within seconds and costs what "
        "it made until then."
    )
    async def job_cancel(self, info: Info, id: JobId) -> Job:
        """The cancelled job, or one that is about to be."""
        info.context.caller.require(JOBS_WRITE)
        job_id = node_uuid(id, "Job", "id")
        return Job.of(await info.context.services.jobs.cancel(info.context.caller, job_id))

    @strawberry.mutation(description="Submits a failed or cancelled job again, as a new one.")
    async def job_retry(self, info: Info, id: JobId) -> Job:
        """The new job."""
        context = info.context
        context.caller.require(JOBS_WRITE)
        job = await context.services.jobs.get(context.caller, node_uuid(id, "Job", "id"))
        model = await context.services.catalogue.get(job.plugin, job.model) if job.model else None
        return Job.of(await context.services.jobs.retry(context.caller, job.id, model))

    @strawberry.mutation(description="Makes a batch: jobs join it when they are submitted.")
    async def job_batch_create(self, info: Info, name: str) -> JobBatch:
        """A new batch."""
        info.context.caller.require(JOBS_WRITE)
        return JobBatch.of(await info.context.services.jobs.create_batch(info.context.caller, name))

    @strawberry.mutation(description="Cancels the jobs of a batch that have not ended; says how many.")
    async def job_batch_cancel(self, info: Info, id: BatchId) -> int:
        """How many were cancelled."""
        info.context.caller.require(JOBS_WRITE)
        batch_id = node_uuid(id, "JobBatch", "id")
        cancelled: int = await info.context.services.jobs.cancel_batch(info.context.caller, batch_id)
        return cancelled


@strawberry.type
class JobsSubscription:
    """Root fields that follow jobs."""

    @strawberry.subscription(description="A job as it is now and after each change, until it has ended.")
    async def job_updated(self, info: Info, id: JobId) -> AsyncGenerator[Job, None]:
        """A job's life."""
        context = info.context
        context.caller.require(JOBS_READ)
        async for job in context.services.jobs.watch(context.caller, node_uuid(id, "Job", "id")):
            context.forget_loaded()
            yield Job.of(job)


async def submit_job(info: Info, asked: Asked, options: JobOptions | None) -> Job:
    """Queues an operation for a resolver; raises as `Jobs.submit` does."""
    wishes = None
    if options is not None:
        wishes = Wishes(
            priority=models.JobPriority((options.priority or JobPriority.NORMAL).value),
            cancel_after=None if options.cancel_after is None else timedelta(seconds=options.cancel_after),
            keep=timedelta(seconds=options.keep),
            batch_id=None if options.batch_id is None else node_uuid(options.batch_id, "JobBatch", "batchId"),
        )
    job = await info.context.services.jobs.submit(asked, wishes)
    info.context.credit.add(job.held, 0)
    return Job.of(job)


def _jobs(info: Info) -> Select[Any]:
    return jobs_of(info.context.caller.organization_id)


async def _page(info: Info, query: Select[Any], page: Page) -> Connection[Job]:
    order = Order(models.Job.created_at, models.Job.id, descending=True)
    async with info.context.services.database.read() as session:
        return await paginate(session, query, page, order, Job.of)


async def _load_positions(context: Context, ids: list[UUID]) -> list[int | None]:
    places = await context.services.jobs.positions(context.caller.organization_id)
    return [places.get(one) for one in ids]


async def _load_previews(context: Context, ids: list[UUID]) -> list[str | None]:
    found = await context.services.jobs.previews(context.caller.organization_id, ids)
    return [_data_uri(found.get(one)) for one in ids]


async def _load_artifacts(context: Context, ids: list[UUID]) -> list[list[Artifact]]:
    found: dict[UUID, list[Artifact]] = {one: [] for one in ids}
    for row in await context.services.artifacts.of_jobs(context.caller.organization_id, ids):
        if row.job_id is not None:
            found[row.job_id].append(Artifact.of(row))
    return [found[one] for one in ids]


def _data_uri(preview: bytes | None) -> str | None:
    return None if preview is None else f"data:image/jpeg;base64,{base64.b64encode(preview).decode()}"


def _error(job: models.Job) -> JobError | None:
    if job.error_code is None:
        return None
    return JobError(code=job.error_code, message=job.error_message or "", retryable=job.error_retryable)


def _global_id(kind: str, value: UUID | None) -> strawberry.ID | None:
    return None if value is None else strawberry.ID(node_id(kind, value))
