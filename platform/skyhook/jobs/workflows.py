"""Jobs on DBOS: what makes a job's steps durable, queues it, and begins it anew after a crash.

DBOS keeps its own tables: beside the SQLite file, or in the schema `dbos` of the PostgreSQL database.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.engine import URL

if TYPE_CHECKING:
    from dbos import DBOS

QUEUE = "jobs"
POLL_S = 0.25
"""How often a process looks for jobs to begin."""
THREADS = 32
"""Those of DBOS, for its queries and for waiting on jobs."""


class Workflows:
    """One for each server process; DBOS allows no second one at a time."""

    def __init__(self, url: URL, process_id: UUID, *, at_once: int, per_organization: int) -> None:
        self._url = _system_url(url)
        self._process_id = process_id
        self._at_once = at_once
        self._per_organization = min(per_organization, at_once)
        self._dbos: type[DBOS] | None = None
        self._workflow: Any = None

    async def start(self, run: Callable[[UUID], Awaitable[None]]) -> None:
        """Begins to take jobs from the queue; each is run by `run` on this event loop."""
        from dbos import DBOS

        async def workflow(job_id: str) -> None:
            await run(UUID(job_id))

        logging.getLogger("dbos").setLevel(logging.ERROR)
        self._dbos = DBOS
        self._workflow = DBOS.workflow(name="skyhook.job", max_recovery_attempts=None)(workflow)
        DBOS(
            config={
                "name": "skyhook",
                "system_database_url": self._url,
                "application_version": "1",  # one for all releases: a newer one goes on with older jobs
                "executor_id": str(self._process_id),
                "log_level": "ERROR",
                "max_executor_threads": THREADS,
            }
        )
        DBOS.launch()
        await DBOS.register_queue_async(
            QUEUE,
            worker_concurrency=self._at_once,
            partition_concurrency=self._per_organization,
            polling_interval_sec=POLL_S,
            on_conflict="always_update",
        )

    async def enqueue(self, job_id: UUID, organization_id: UUID, priority: int) -> None:
        """Puts a job into its organization's queue; a second time changes nothing."""
        from dbos import DBOS, SetEnqueueOptions, SetWorkflowID

        options = SetEnqueueOptions(queue_partition_key=str(organization_id), priority=priority)
        with SetWorkflowID(str(job_id)), options:
            await DBOS.enqueue_workflow_async(QUEUE, self._workflow, str(job_id))

    async def recover(self, process_ids: Sequence[UUID]) -> None:
        """Queues again what these processes, which must be dead, were running."""
        from dbos import DBOS

        await asyncio.to_thread(DBOS._recover_pending_workflows, [str(one) for one in process_ids])

    async def step(self, name: str, body: Callable[[], Coroutine[Any, Any, str]]) -> str:
        """Runs `body` once for the job whose workflow this is; afterwards gives what it gave."""
        from dbos import DBOS

        return await DBOS.run_step_async({"name": name}, body)

    async def known(self, job_ids: Sequence[UUID]) -> set[UUID]:
        """Those of the jobs that have a workflow."""
        from dbos import DBOS

        found = await DBOS.list_workflows_async(
            workflow_ids=[str(one) for one in job_ids], load_input=False, load_output=False
        )
        return {UUID(workflow.workflow_id) for workflow in found}

    async def forget(self, job_ids: Sequence[UUID]) -> None:
        """Deletes what DBOS keeps of jobs that have ended."""
        from dbos import DBOS

        await DBOS.delete_workflows_async([str(one) for one in job_ids])

    async def close(self) -> None:
        """Takes no more jobs; those that run must have been stopped. Another process can go on with them."""
        if self._dbos is None:
            return
        dbos, self._dbos = self._dbos, None
        loop = asyncio.get_running_loop()
        # DBOS made its own pool the loop's, and closes it.
        pool = ThreadPoolExecutor(thread_name_prefix="asyncio")
        loop.set_default_executor(pool)
        await loop.run_in_executor(pool, lambda: dbos.destroy(destroy_registry=True))


def _system_url(url: URL) -> str:
    if url.get_backend_name() == "sqlite":
        path = Path(url.database or "")
        return f"sqlite:///{path.with_name(f'{path.stem}-jobs{path.suffix}')}"
    return url.set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
