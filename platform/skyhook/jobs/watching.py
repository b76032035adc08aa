"""Wakes those who watch a job of this process; jobs of others are looked at now and then."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from uuid import UUID

from skyhook.jobs.models import ENDED, Job

LOOK_S = 1.0
"""How soon a watcher sees what another process wrote."""


class Watchers:
    """Who waits for which job."""

    def __init__(self) -> None:
        self._waiting: dict[UUID, set[asyncio.Event]] = {}

    def notify(self, job_id: UUID) -> None:
        """The job has changed."""
        for event in self._waiting.get(job_id, ()):
            event.set()

    async def watch(self, job_id: UUID, read: Callable[[], Awaitable[Job]]) -> AsyncIterator[Job]:
        """The job as it is now and after each change, until it has ended."""
        event = asyncio.Event()
        self._waiting.setdefault(job_id, set()).add(event)
        seen = 0
        try:
            while True:
                event.clear()
                job = await read()
                if job.version != seen:
                    seen = job.version
                    yield job
                if job.state in ENDED:
                    return
                try:
                    await asyncio.wait_for(event.wait(), LOOK_S)
                except TimeoutError:
                    continue
        finally:
            self._waiting[job_id].discard(event)
            if not self._waiting[job_id]:
                del self._waiting[job_id]
