"""The server is killed with -9 while a job's call runs: the job ends once, charged once, on both backends."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest
from imagining import Studio, unsigned
from tests.crash.conftest import Backend
from tests.jobs.test_jobs import WORD, balance, read, submit, until

PICTURES = {"prompt": "a red house", "count": 2, "seed": 7, "width": 64, "height": 64, "steps": 6}
PICTURE = 1_000_000


def wait(condition: Callable[[], Any], within_s: float = 60) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def wait_for_call(backend: Backend, number: int) -> None:
    """Until so many calls were begun, of which the last one runs and is noted; locally, for a moment."""
    if backend.modal is None:
        time.sleep(0.5)
        return
    wait(lambda: len(backend.calls()) >= number and backend.calls()[number - 1].is_running)
    call_id = backend.calls()[number - 1].id
    with closing(sqlite3.connect(backend.server.data / "skyhook.db")) as database:
        wait(lambda: database.execute("SELECT 1 FROM job_calls WHERE call_id = ?", [call_id]).fetchone())


def kill_and_start(backend: Backend) -> None:
    backend.server.kill()
    backend.server.start()


def test_a_job_ends_once_charged_once_with_its_files_and_repeats_no_call_that_is_known(
    backend: Backend,
) -> None:
    server = backend.server
    before = balance(server)["balance"]
    backend.forget()
    job = submit(server, 3, pause=0.7, behaviour="abroad")
    wait(lambda: read(server, job["id"])["progress"] > 0.3)
    wait_for_call(backend, 2)
    kill_and_start(backend)
    done = until(server, job["id"], "COMPLETED", within_s=90)
    assert done["runs"] == 2
    assert int(done["cost"]) == 3 * WORD
    assert before - balance(server)["balance"] == 3 * WORD
    assert [file["name"] for file in done["artifacts"]] == ["0.txt", "1.txt", "2.txt"]
    if backend.modal is not None:
        assert len(backend.calls()) == 3, "a call was begun again"
    server.command("credit", "check")


def test_pictures_are_those_that_the_same_job_makes_undisturbed(backend: Backend) -> None:
    server, studio = backend.server, Studio(backend.server)
    backend.forget()
    before = studio.balance()
    job = studio.submit("imagineGenerate", **PICTURES)
    wait(lambda: studio.read(job["id"])["state"] == "RUNNING")
    wait_for_call(backend, 1)
    kill_and_start(backend)
    made = studio.ended(job["id"])
    assert made["state"] == "COMPLETED", (made, server.log())
    assert before - studio.balance() == 2 * PICTURE
    assert len(made["artifacts"]) == 2
    if backend.modal is not None:
        assert len(backend.calls()) == 2
    undisturbed = studio.made("imagineGenerate", **PICTURES)
    for one, other in zip(made["result"]["images"], undisturbed["images"], strict=True):
        pictures = [unsigned(studio.download(picture["artifact"])) for picture in (one, other)]
        assert pictures[0] == pictures[1]


@pytest.mark.parametrize("backend", ["modal"], indirect=True)
@pytest.mark.parametrize("is_running", [True, False], ids=["running", "waiting"])
def test_a_call_that_was_begun_and_not_noted_runs_once(backend: Backend, is_running: bool) -> None:
    server, modal = backend.server, backend.modal
    before = balance(server)["balance"]
    backend.forget()
    modal.run(modal.containers.stop(not is_running))
    modal.state.on_call = lambda call: server.kill()
    try:
        job = submit(server, 1, pause=0.1, behaviour="abroad")
        assert server.process is not None
        wait(lambda: server.process.poll() is not None)
    finally:
        modal.state.on_call = None
    if is_running:
        wait(lambda: backend.calls()[0].is_running)
    server.start()
    if not is_running:
        wait(lambda: len(backend.calls()) == 2)
        modal.run(modal.containers.stop(False))
    done = until(server, job["id"], "COMPLETED", within_s=90)
    assert int(done["cost"]) == WORD
    assert before - balance(server)["balance"] == WORD
    assert len(backend.calls()) == (1 if is_running else 2)
    wait(lambda: all(call.output is not None for call in backend.calls()))
    assert len(served(backend)) == 1


def served(backend: Backend) -> list[Any]:
    """The calls whose bodies ran: the others only say which call it is that does."""
    from modal._serialization import deserialize

    results = [deserialize(call.output.result.data, None) for call in backend.calls()]
    return [replies for _, replies in results if replies]
