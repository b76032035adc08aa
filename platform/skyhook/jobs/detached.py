"""The calls of a job that go on without this process: noted before they are waited for, and found again.

After a crash the job runs again, and its step with it; what the step had begun is then waited for, not begun
a second time. A token is noted before a call is begun, and its id after: a process that finds no id asks the
backend for the call of the token, and may begin it again under that, since only one of them will run.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import delete, update

from skyhook.compute.backend import Detached
from skyhook.compute.errors import NotAnswered
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
        self, method: Callable[[Any, Any], Any], argument: Any, expenses: Expenses
    ) -> AsyncGenerator[Any, None]:
        """Waits for the call as it was begun before, or begins it; yields what it yields."""
        name = self._name(method, argument)
        self._begun[name] += 1
        key = f"{name}-{self._begun[name]}"
        try:
            call_id = await self._call(key, method, argument)
            async with aclosing(self._compute.collect(call_id, method, expenses=expenses)) as values:
                async for value in values:
                    yield value
        except SkyhookError as error:
            self._begun[name] -= 1
            if not isinstance(error, NotAnswered):  # it has ended: tried again, it begins anew
                await self._forget(key)
            raise

    async def end(self, *, cancel: bool) -> None:
        """The job has ended; with `cancel`, what it has begun is stopped."""
        async with self._database.write() as session:
            gone = await session.execute(
                delete(JobCall)
                .where(JobCall.job_id == self._job_id)
                .returning(JobCall.token, JobCall.call_id)
            )
            calls = gone.all()
        if cancel:
            for token, call_id in calls:
                await self._compute.cancel(token, call_id or None)

    async def _call(self, key: str, method: Callable[[Any, Any], Any], argument: Any) -> str:
        """The id of the call of that key: as it was begun before, or begun now."""
        async with self._database.read() as session:
            known = await session.get(JobCall, (self._job_id, key))
        if known is not None and known.call_id:
            return known.call_id
        if known is None:
            token = secrets.token_hex(16)
            async with self._database.write() as session:
                session.add(JobCall(job_id=self._job_id, key=key, token=token, call_id=""))
            call_id = None
        else:
            token = known.token
            call_id = await self._compute.find(token)
        call_id = call_id or await self._compute.spawn(method, argument, token)
        async with self._database.write() as session:
            here = (JobCall.job_id == self._job_id, JobCall.key == key)
            await session.execute(update(JobCall).where(*here).values(call_id=call_id))
        return call_id

    async def _forget(self, key: str) -> None:
        async with self._database.write() as session:
            await session.execute(delete(JobCall).where(JobCall.job_id == self._job_id, JobCall.key == key))

    def _name(self, method: Callable[[Any, Any], Any], argument: Any) -> str:
        """The same for the same call of the same step in a later run."""
        asked = hashlib.sha256(self._step.encode())
        asked.update(f"\n{method.__module__}:{method.__qualname__}\n".encode())
        asked.update(msgspec.msgpack.encode(argument))
        return asked.hexdigest()[:48]
