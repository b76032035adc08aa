"""Jobs: what waits, runs and has ended; cancelled and repeated."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get, post
from strawberry.relay import GlobalID

from skyhook.clock import now
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.graphql.connections import Order, Page, paginate
from skyhook.graphql.ids import node_uuid
from skyhook.jobs.errors import JobNotFound
from skyhook.jobs.models import ENDED, Job, JobState
from skyhook.jobs.service import jobs_of
from skyhook.operations.caller import Caller
from skyhook.scopes import ARTIFACTS_READ, ARTIFACTS_WRITE, JOBS_READ, JOBS_WRITE
from skyhook.services import Services
from skyhook_console.job_view import JobView, view_of
from skyhook_console.names import names_of
from skyhook_console.visiting import Http, Visit, go

SHOWN = 20
FILTERS = ("state", "operation", "after")
NEWEST = Order(Job.created_at, Job.id, descending=True)


@dataclass(frozen=True, slots=True)
class Row:
    """A job as the list shows it."""

    job: Job
    who: str
    place: int | None
    """In the organization's queue, from 1."""

    @property
    def took(self) -> timedelta | None:
        """How long it runs, or ran; None where it was never begun."""
        return None if self.job.started_at is None else (self.job.ended_at or now()) - self.job.started_at

    @property
    def has_ended(self) -> bool:
        """Whether there is nothing to cancel any more."""
        return self.job.state in ENDED


@get("/o/{slug:str}/jobs")
async def jobs_page(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The organization's jobs, newest first."""
    visit, caller = visit.at(slug, JOBS_READ)
    services = visit.services
    asked = {name: str(request.query_params.get(name, "")) for name in FILTERS}
    query = jobs_of(caller.organization_id, _state(asked["state"]), asked["operation"] or None)
    wanted = Page(first=SHOWN, after=asked["after"] or None)
    async with services.database.read() as session:
        page = await paginate(session, query, wanted, NEWEST, lambda job: job)
    rows = await _rows(services, caller, [edge.node for edge in page.edges])
    older = page.page_info.end_cursor if page.page_info.has_next_page else None
    return visit.page(
        "jobs.html",
        rows=rows,
        under_way=await services.jobs.under_way(caller.organization_id),
        is_live=any(not row.has_ended for row in rows),
        states=list(JobState),
        operations=_operations(services, asked["operation"]),
        asked=asked,
        here=_list(slug, asked),
        newest=_list(slug, asked | {"after": ""}),
        older=older and _list(slug, asked | {"after": older}),
        may_write=caller.has_scope(JOBS_WRITE),
    )


@get("/o/{slug:str}/jobs/{job_id:str}")
async def job_page(visit: Visit, slug: str, job_id: str) -> Response[str]:
    """All of one job, which its page looks at again each second until it has ended."""
    visit, caller = visit.at(slug, JOBS_READ)
    return await _page(visit, caller, _id(job_id))


@post("/o/{slug:str}/jobs/{job_id:str}/cancel", status_code=200)
async def cancel_job(request: Http, visit: Visit, slug: str, job_id: str) -> Response[str]:
    """Cancels a job; leads back to the list where the form is of it."""
    visit, caller = visit.at(slug, JOBS_WRITE)
    form = await request.form()
    try:
        job = await visit.services.jobs.cancel(caller, _id(job_id))
    except JobNotFound:
        raise
    except SkyhookError as error:
        return await _page(visit, caller, _id(job_id), error)
    if "list" in form:
        return go(request, _list(slug, {name: str(form.get(name, "")) for name in FILTERS}))
    return go(request, f"/console/o/{slug}/jobs/{job.id}")


@post("/o/{slug:str}/jobs/{job_id:str}/retry", status_code=200)
async def retry_job(request: Http, visit: Visit, slug: str, job_id: str) -> Response[str]:
    """Submits a failed or cancelled job again; leads to the new one."""
    visit, caller = visit.at(slug, JOBS_WRITE)
    services = visit.services
    job = await services.jobs.get(caller, _id(job_id))
    try:
        model = await services.catalogue.get(job.plugin, job.model) if job.model else None
        repeated = await services.jobs.retry(caller, job.id, model)
    except SkyhookError as error:
        return await _page(visit, caller, job.id, error)
    return go(request, f"/console/o/{slug}/jobs/{repeated.id}")


async def _page(
    visit: Visit, caller: Caller, job_id: UUID, error: SkyhookError | None = None
) -> Response[str]:
    caller.require(ARTIFACTS_READ)
    services = visit.services
    job = await services.jobs.get(caller, job_id)
    row = (await _rows(services, caller, [job]))[0]
    view: JobView = await view_of(services, caller, job)
    return visit.page(
        "job.html",
        status=error.status if error else 200,
        row=row,
        job=job,
        view=view,
        may_write=caller.has_scope(JOBS_WRITE),
        may_delete=caller.has_scope(ARTIFACTS_WRITE),
        error=error,
    )


async def _rows(services: Services, caller: Caller, jobs: Sequence[Job]) -> list[Row]:
    ids = [one for job in jobs for one in (job.key_id, job.user_id)]
    names = await names_of(services, caller.organization_id, ids)
    places = {}
    if any(job.state == JobState.QUEUED for job in jobs):
        places = await services.jobs.positions(caller.organization_id)
    return [
        Row(job, names.get(job.key_id or job.user_id or job.id, "somebody who left"), places.get(job.id))
        for job in jobs
    ]


def _operations(services: Services, asked: str) -> list[str]:
    """Those that run as jobs; the one that is asked for too, where its plugin is gone."""
    known = {
        operation.name
        for plugin in services.plugins.loaded
        for operation in plugin.operations
        if operation.job is not None
    }
    return sorted(known | {asked} - {""})


def _state(text: str) -> JobState | None:
    try:
        return JobState(text) if text else None
    except ValueError as error:
        raise InvalidInput(f"A job is {', '.join(JobState)}.", field="state") from error


def _id(text: str) -> UUID:
    """A job's id as addresses have it, or as the API gives it."""
    try:
        return UUID(text)
    except ValueError:
        pass
    try:
        return node_uuid(GlobalID.from_id(text), "Job", "id")
    except (ValueError, SkyhookError) as error:
        raise JobNotFound("This organization never had such a job.") from error


def _list(slug: str, asked: dict[str, str]) -> str:
    """The address of the list with its filters."""
    query = urlencode({name: text for name, text in asked.items() if text})
    return f"/console/o/{slug}/jobs" + (f"?{query}" if query else "")


HANDLERS: list[Any] = [jobs_page, job_page, cancel_job, retry_job]
