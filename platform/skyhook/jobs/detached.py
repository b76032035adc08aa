"""The calls of a job that go on without this process: noted before they are waited for, and found again.

After a crash the job runs again, and its step with it; what the step had begun is then waited for, not begun
a second time. A process that dies between beginning a call and noting it leaves one that nobody reads.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, select

from skyhook.compute.backend import Detached
from skyhook.compute.expenses import Expenses
from skyhook.database import Database
from skyhook.errors import SkyhookError
from skyhook.jobs.models import JobCall


class DetachedCalls:
    """Those of one run of a job."""

    def __init__(self, database: Database, compute: Detached, job_id: UUID) -> None:
        self._database = database
        self._compute = compute
        self._job_id = job_id
        self._begun: Counter[str] = Counter()
        self._step = ""

    def enter(self, step: str) -> None:
        """What is begun from now on belongs to that step; its calls are counted anew."""
        self._step = step
        self._begun.clear()

    async def run(
        self, method: Callable[[Any, Any], Any], argument: Any, expenses: Expenses | None = None
    ) -> AsyncGenerator[Any, None]:
        """Waits for the call as it was begun before, or begins it; yields what it yields."""
        name = self._name(method, argument)
        self._begun[name] += 1
        key = f"{name}-{self._begun[name]}"
        call_id = await self._noted(key)
        if call_id is None:
            call_id = await self._compute.spawn(method, argument)
            async with self._database.write() as session:
                session.add(JobCall(job_id=self._job_id, key=key, call_id=call_id))
        try:
            async with aclosing(self._compute.collect(call_id, method, expenses=expenses)) as values:
                async for value in values:
                    yield value
        except SkyhookError:
            self._begun[name] -= 1
            async with self._database.write() as session:  # tried again, it begins anew
                await session.execute(
                    delete(JobCall).where(JobCall.job_id == self._job_id, JobCall.key == key)
                )
            raise

    async def end(self, *, cancel: bool) -> None:
        """The job has ended; with `cancel`, what it has begun is stopped."""
        async with self._database.write() as session:
            gone = await session.scalars(
                delete(JobCall).where(JobCall.job_id == self._job_id).returning(JobCall.call_id)
            )
            call_ids = gone.all()
        if cancel:
            for call_id in call_ids:
                await self._compute.cancel(call_id)

    def _name(self, method: Callable[[Any, Any], Any], argument: Any) -> str:
        """The same for the same call of the same step in a later run."""
        asked = hashlib.sha256(self._step.encode())
        asked.update(f"\n{method.__module__}:{method.__qualname__}\n".encode())
        asked.update(msgspec.msgpack.encode(argument))
        return asked.hexdigest()[:48]

    async def _noted(self, key: str) -> str | None:
        query = select(JobCall.call_id).where(JobCall.job_id == self._job_id, JobCall.key == key)
        async with self._database.read() as session:
            return (await session.scalars(query)).one_or_none()
