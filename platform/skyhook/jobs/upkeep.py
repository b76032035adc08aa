"""What happens to jobs by themselves: cancelled at a deadline, begun anew after a crash, expired."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, or_, select

from skyhook.artifacts.service import Artifacts
from skyhook.clock import now
from skyhook.database import Database
from skyhook.jobs import writes
from skyhook.jobs.models import Job, JobProcess, JobState
from skyhook.jobs.runner import Runner
from skyhook.jobs.workflows import Workflows
from skyhook.ledger.service import insert_if_absent

TICK_S = 1.0
BEAT_EVERY = timedelta(seconds=5)
DEAD_AFTER = timedelta(seconds=30)
"""How long a process may be silent before others go on with its jobs."""
SWEEP_EVERY = timedelta(seconds=10)
BATCH = 100

_log = logging.getLogger(__name__)


class Upkeep:
    """One for each server process."""

    def __init__(
        self,
        database: Database,
        artifacts: Artifacts,
        workflows: Workflows,
        runner: Runner,
        process_id: UUID,
        cancel_waiting: Callable[[UUID], Awaitable[bool]],
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._workflows = workflows
        self._runner = runner
        self._process_id = process_id
        self._cancel_waiting = cancel_waiting
        self._beat_at = self._sweep_at = now()
        self._task: asyncio.Task[None] | None = None

    async def start(self, *, beside_another: bool) -> None:
        """Takes over what was left behind, and goes on in the background.

        SQLite serves one process, so that every other one is dead, unless this one starts beside another.
        """
        await self._beat()
        await self._take_over(from_all=self._database.is_sqlite and not beside_another)
        await self._enqueue_forgotten()
        self._task = asyncio.create_task(self._forever())

    async def close(self) -> None:
        """Ends; other processes may take over this one's jobs as soon as its runner is closed."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def leave(self) -> None:
        """Says that this process runs nothing any more."""
        async with self._database.write() as session:
            row = await session.get(JobProcess, self._process_id)
            if row is not None:
                row.seen_at = now() - 2 * DEAD_AFTER

    async def tick(self) -> None:
        """One round."""
        at = now()
        await self._cancel_due()
        if at >= self._beat_at:
            self._beat_at = at + BEAT_EVERY
            await self._beat()
            await self._take_over()
        if at >= self._sweep_at:
            self._sweep_at = at + SWEEP_EVERY
            await self._enqueue_forgotten()
            await self._expire()

    async def _forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.tick()
            except Exception:
                _log.exception("the upkeep of jobs failed and is tried again in %s s", TICK_S)

    async def _cancel_due(self) -> None:
        at = now()
        running = self._runner.running_ids
        overdue = Job.deadline_at <= at
        async with self._database.read() as session:
            waiting = await session.scalars(select(Job.id).where(Job.state == JobState.QUEUED, overdue))
            due = waiting.all()
            if running:
                query = select(Job.id).where(
                    Job.id.in_(running), or_(Job.cancel_requested_at.is_not(None), overdue)
                )
                for job_id in await session.scalars(query):
                    self._runner.cancel(job_id)
        for job_id in due:
            await self._cancel_waiting(job_id)

    async def _beat(self) -> None:
        async with self._database.write() as session:
            row = {"id": self._process_id, "seen_at": now()}
            await session.execute(insert_if_absent(session, JobProcess.__table__), [row])
            process = await session.get(JobProcess, self._process_id)
            if process is not None:
                process.seen_at = now()

    async def _take_over(self, *, from_all: bool = False) -> None:
        """Goes on with the jobs of those processes that are silent, or of all others."""
        silent = JobProcess.id != self._process_id
        async with self._database.read() as session:
            query = select(JobProcess.id).where(silent)
            if not from_all:
                query = query.where(JobProcess.seen_at < now() - DEAD_AFTER)
            dead = (await session.scalars(query)).all()
        if not dead:
            return
        await self._workflows.recover(dead)
        async with self._database.write() as session:
            await session.execute(delete(JobProcess).where(JobProcess.id.in_(dead)))

    async def _enqueue_forgotten(self) -> None:
        """Jobs whose process died between writing them down and queueing them."""
        async with self._database.read() as session:
            query = select(Job).where(
                Job.state == JobState.QUEUED, Job.created_at < now() - timedelta(seconds=10)
            )
            jobs = (await session.scalars(query.order_by(Job.created_at).limit(BATCH))).all()
        if jobs:
            known = await self._workflows.known([job.id for job in jobs])
            for job in jobs:
                if job.id not in known:
                    await self._runner.enqueue(job)

    async def _expire(self) -> None:
        while True:
            async with self._database.write() as session:
                ids = await writes.expire(session, now(), BATCH)
                for job_id in ids:
                    await self._artifacts.delete_of_job(session, job_id)
            if ids:
                await self._workflows.forget(ids)
            if len(ids) < BATCH:
                return
