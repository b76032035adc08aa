"""The changes of a job's row, each one a statement that says from which state it may be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import Payer
from skyhook.billing.reservations import Reservation, ServedJob
from skyhook.clock import new_id
from skyhook.compute.expenses import Expenses
from skyhook.graphql.ids import node_id
from skyhook.jobs.models import Job, JobState
from skyhook.usage.expenses import Spent, record_expenses


def reservation_of(job: Job) -> Reservation:
    """What is set aside for a job."""
    return Reservation(job.held, tuple((UUID(hold), UUID(spent)) for hold, spent in job.holds))


def served(
    job: Job, quantities: Mapping[str, int], expenses: Expenses, outcome: str, at: datetime
) -> ServedJob:
    """A job as billing charges it."""
    started_at = job.started_at or at
    return ServedJob(
        id=job.id,
        payer=Payer(job.organization_id, job.key_id, job.user_id, None),
        reservation=reservation_of(job),
        plugin=job.plugin,
        operation=job.operation,
        model=job.model,
        quantities=dict(quantities),
        outcome=outcome,
        started_at=started_at,
        duration_ms=round((at - started_at).total_seconds() * 1000),
        expenses=expenses.known,
    )


async def fail_expenses(session: AsyncSession, job: Job, expenses: Expenses, at: datetime) -> None:
    """Writes what a job cost that failed."""
    if expenses.known is None:
        return
    spent = Spent(
        job.organization_id,
        job.plugin,
        job.operation,
        job.model,
        job.started_at or at,
        is_served=False,
        charged=0,
        by_function=expenses.known,
    )
    await (await session.connection()).run_sync(record_expenses, [spent])


def event_of(job: Job) -> dict[str, Any]:
    """What a webhook says of a job; the rest is read by its id."""
    event: dict[str, Any] = {
        "id": node_id("Job", job.id),
        "operation": job.operation,
        "state": job.state.upper(),
        "cost": str(job.cost),
    }
    if job.result is not None:
        event["result"] = msgspec.json.decode(job.result)
    if job.error_code is not None:
        event["error"] = {"code": job.error_code, "message": job.error_message}
    return event


async def begin(session: AsyncSession, job_id: UUID, at: datetime) -> Job | None:
    """Begins a run of a job, perhaps not its first; None where it has ended or is to be cancelled."""
    job = await _locked(session, job_id)
    if job is None or job.state not in (JobState.QUEUED, JobState.RUNNING):
        return None
    job.state, job.run_id, job.runs = JobState.RUNNING, new_id(), job.runs + 1
    job.started_at = job.started_at or at
    job.version += 1
    await session.flush()
    return job


async def report(
    session: AsyncSession,
    job: Job,
    fraction: float,
    stage: str,
    preview: bytes | None,
    quantities: Mapping[str, int],
    cost: int,
) -> bool:
    """Writes where a run stands; whether it is still the one that may."""
    values: dict[str, Any] = {
        "progress": fraction,
        "stage": stage,
        "quantities": dict(quantities),
        "cost": cost,
        "version": Job.version + 1,
    }
    if preview is not None:
        values["preview"] = preview
    query = update(Job).where(Job.id == job.id, Job.run_id == job.run_id, Job.state == JobState.RUNNING)
    written = await session.scalar(
        query.values(values).returning(Job.id).execution_options(synchronize_session=False)
    )
    return written is not None


async def end(
    session: AsyncSession,
    job_id: UUID,
    from_state: JobState,
    run_id: UUID | None,
    to_state: JobState,
    at: datetime,
) -> Job | None:
    """Ends a job that is in `from_state` and, where that is running, in this run; None where it is not.

    The row is locked until the unit of work ends; the caller writes the outcome into it.
    """
    job = await _locked(session, job_id)
    if job is None or job.state != from_state or (run_id is not None and job.run_id != run_id):
        return None
    job.state, job.ended_at, job.run_id = to_state, at, None
    job.kept_until = at + timedelta(seconds=job.keep_s)
    job.version += 1
    return job


async def expire(session: AsyncSession, at: datetime, at_most: int) -> Sequence[UUID]:
    """Empties the rows of jobs whose results were kept long enough; their ids."""
    due = (
        select(Job.id)
        .where(Job.kept_until <= at, Job.state != JobState.EXPIRED)
        .order_by(Job.id)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    ids = (await session.scalars(due)).all()
    if ids:
        await session.execute(
            update(Job)
            .where(Job.id.in_(ids))
            .values(state=JobState.EXPIRED, request=b"", result=None, preview=None, version=Job.version + 1)
            .execution_options(synchronize_session=False)
        )
    return ids


async def _locked(session: AsyncSession, job_id: UUID) -> Job | None:
    query = select(Job).where(Job.id == job_id).with_for_update()
    return (await session.scalars(query.execution_options(populate_existing=True))).one_or_none()
