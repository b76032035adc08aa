"""The calls of a job that go on without its process, against both databases."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from compute_helpers import configuration, eventually
from modal_server import ModalServer
from sample_functions import Source, Text, Tool

from skyhook.clock import new_id
from skyhook.compute import errors
from skyhook.compute.modal.app import build
from skyhook.compute.modal.backend import ModalCompute
from skyhook.compute.modal.errors import ModalUnreachable
from skyhook.database import Database
from skyhook.jobs.detached import DetachedCalls
from skyhook.jobs.models import Job


@pytest.fixture(scope="module", autouse=True)
def deployed(modal_server: ModalServer) -> None:
    build([Tool], {}).deploy(name="skyhook")


@pytest.fixture
def compute(tmp_path: Path) -> ModalCompute:
    return ModalCompute(configuration(tmp_path / "data"), {})


@pytest.fixture
async def job_id(database: Database, organization: UUID) -> UUID:
    """A job's id, which its calls refer to."""
    job = Job(
        id=new_id(),
        organization_id=organization,
        plugin="probe",
        operation="probeWork",
        request=b"{}",
        at_most={},
        holds=[],
        quantities={},
        keep_s=60,
    )
    async with database.write() as session:
        session.add(job)
    return job.id


async def one(calls: DetachedCalls, argument: Text) -> object:
    return await anext(calls.run(Tool.pid, argument))


def spawned(server: ModalServer) -> int:
    """How many detached calls there were."""
    return sum(call.input.method_name == "work" for call in list(server.state.calls.values()))


async def test_a_later_run_of_the_step_gets_the_call_that_was_begun(
    compute: ModalCompute, database: Database, job_id: UUID, modal_server: ModalServer
) -> None:
    before = spawned(modal_server)
    first = DetachedCalls(database, compute, job_id)
    first.enter("step")
    results = [await one(first, Text()), await one(first, Text()), await one(first, Text("other"))]
    assert spawned(modal_server) == before + 3, "the same call twice in a step is two calls"
    later = DetachedCalls(database, compute, job_id)
    later.enter("step")
    assert [await one(later, Text()), await one(later, Text()), await one(later, Text("other"))] == results
    assert spawned(modal_server) == before + 3
    later.enter("next step")
    await one(later, Text())
    assert spawned(modal_server) == before + 4


async def test_a_stream_is_given_whole(
    compute: ModalCompute, database: Database, job_id: UUID, tmp_path: Path
) -> None:
    calls = DetachedCalls(database, compute, job_id)
    source = Source(str(tmp_path / "trace"), count=5)
    assert len([chunk async for chunk in calls.run(Tool.chunks, source)]) == 5


async def test_what_failed_begins_anew(
    compute: ModalCompute, database: Database, job_id: UUID, modal_server: ModalServer
) -> None:
    before = spawned(modal_server)
    for _ in range(2):
        calls = DetachedCalls(database, compute, job_id)
        with pytest.raises(errors.FunctionFailed):
            await anext(calls.run(Tool.fail, Text()))
    assert spawned(modal_server) == before + 2


class Forgetful(ModalCompute):
    """Does not hear that a call was begun."""

    async def spawn(self, method: Any, argument: Any, token: str) -> str:
        await super().spawn(method, argument, token)
        raise ModalUnreachable("Try again.")


async def test_what_was_begun_without_being_heard_of_is_found_and_not_begun_again(
    compute: ModalCompute, database: Database, job_id: UUID, modal_server: ModalServer, tmp_path: Path
) -> None:
    before = spawned(modal_server)
    calls = DetachedCalls(database, Forgetful(configuration(tmp_path / "data"), {}), job_id)
    with pytest.raises(errors.NotAnswered):
        await one(calls, Text())
    begun = [call for call in modal_server.state.calls.values() if call.input.method_name == "work"][-1]
    await eventually(lambda: begun.output is not None)
    assert isinstance(await one(DetachedCalls(database, compute, job_id), Text()), int)
    assert spawned(modal_server) == before + 1


async def test_what_was_begun_without_being_heard_of_does_not_run_after_the_jobs_end(
    compute: ModalCompute, database: Database, job_id: UUID, modal_server: ModalServer, tmp_path: Path
) -> None:
    modal_server.run(modal_server.containers.stop(True))
    try:
        forgetful = DetachedCalls(database, Forgetful(configuration(tmp_path / "data"), {}), job_id)
        trace = tmp_path / "trace"
        with pytest.raises(errors.NotAnswered):
            await anext(forgetful.run(Tool.chunks, Source(str(trace), count=3)))
        await DetachedCalls(database, compute, job_id).end(cancel=True)
    finally:
        modal_server.run(modal_server.containers.stop(False))
    begun = [call for call in modal_server.state.calls.values() if call.input.method_name == "work"][-1]
    await eventually(lambda: begun.output is not None)
    assert not trace.exists()


async def test_the_end_of_a_job_forgets_its_calls_and_cancels_what_runs(
    compute: ModalCompute, database: Database, job_id: UUID, modal_server: ModalServer
) -> None:
    calls = DetachedCalls(database, compute, job_id)
    await one(calls, Text())
    await calls.end(cancel=True)
    last = [call for call in modal_server.state.calls.values() if call.input.method_name == "work"][-1]
    assert last.is_cancelled
    before = spawned(modal_server)
    await one(DetachedCalls(database, compute, job_id), Text())
    assert spawned(modal_server) == before + 1
