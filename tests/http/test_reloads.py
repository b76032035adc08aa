"""Reloading a server: a fresh process takes over, no request is lost, and signals go on to reach it."""

from __future__ import annotations

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving import Server

from skyhook.migrations.environment import FOLDER
from skyhook.serving.running import ReloadFailed, Status, reload_all, running, wait_until_drained

WAIT_S = 60
CONNECTIONS = 4
PAUSE_S = 0.04
NEWEST = max(path.name[:4] for path in (FOLDER / "versions").glob("0*.py"))
PRICE = 1_000_000
"""Nano-dollars of a word of the probe; each step is one."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("reloads") / "data")
    server.prepare()
    server.start()
    yield server
    server.stop()


def status(server: Server) -> Status:
    (one,) = running(server.data)
    return one


def set_revision(server: Server, revision: str) -> None:
    """Claims that the core's tables are those of a revision."""
    with closing(sqlite3.connect(server.data / "skyhook.db")) as connection, connection:
        connection.execute("UPDATE alembic_version_core SET version_num = ?", [revision])


def job(server: Server, id: str) -> dict[str, Any]:
    query = "query Q($id: ID!) { job(id: $id) { state result cost } }"
    found: dict[str, Any] = server.graphql(query, id=id)["data"]["job"]
    return found


def eventually(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


class Load:
    """Clients that keep their connections and ask on and on; what went wrong for them."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._ended = threading.Event()
        self.answered = 0
        self.failures: list[str] = []
        self._pool = ThreadPoolExecutor(CONNECTIONS)
        self._clients = [self._pool.submit(self._ask) for _ in range(CONNECTIONS)]

    def _ask(self) -> None:
        with self._server.client() as client:
            while not self._ended.is_set():
                try:
                    answer = client.post("/graphql", json={"query": "{ viewer { organization { name } } }"})
                    if answer.status_code != 200 or "errors" in answer.json():
                        self.failures.append(answer.text)
                except httpx.HTTPError as error:
                    self.failures.append(repr(error))
                self.answered += 1
                time.sleep(PAUSE_S)

    def end(self) -> None:
        self._ended.set()
        for client in self._clients:
            client.result()
        self._pool.shutdown()


def test_a_reload_under_load_loses_no_request_and_keeps_the_process_that_was_started(server: Server) -> None:
    assert server.process is not None
    pid = server.process.pid
    assert (status(server).pid, status(server).serving_pid) == (pid, pid)
    load = Load(server)
    reloaded = threading.Event()

    def call(number: int) -> list[object]:
        answers: list[object] = []
        time.sleep(number * 0.4)
        while not reloaded.is_set():
            said = server.graphql('mutation { probeAnswer(text: "on", pauseS: 1.5) }')
            answers.append(said.get("data"))
        return answers

    work = server.graphql("mutation { probeWork(steps: 12, pauseS: 0.5) { id } }")["data"]["probeWork"]
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        calls = [pool.submit(call, number) for number in range(CONNECTIONS)]
        assert reload_all(server.data, WAIT_S) == 1
        now = status(server)
        assert (now.pid, now.reloads, now.failure, now.draining) == (pid, 1, None, 1)
        reloaded.set()
        answers = [answer for one in calls for answer in one.result()]
    assert answers == [{"probeAnswer": "on"}] * len(answers)
    assert len(answers) >= CONNECTIONS
    assert wait_until_drained(server.data, WAIT_S)
    load.end()
    assert load.failures == []
    assert load.answered > 50
    assert status(server).serving_pid != pid
    # On SQLite too: the job goes on in the process that began it, and then in the next one, each step once.
    eventually(lambda: job(server, work["id"])["state"] not in ("QUEUED", "RUNNING"))
    done = job(server, work["id"])
    assert (done["state"], len(done["result"]["words"])) == ("COMPLETED", 12)
    assert int(done["cost"]) == 12 * PRICE


def test_a_reload_that_fails_leaves_the_process_of_before(server: Server) -> None:
    before = status(server).serving_pid
    set_revision(server, "0001")
    with pytest.raises(ReloadFailed, match="lacks migrations of core"):
        reload_all(server.data, WAIT_S)
    set_revision(server, NEWEST)
    assert status(server).serving_pid == before
    assert httpx.get(f"{server.address}/health/live").status_code == 200


def test_a_server_ends_when_the_process_that_serves_does(server: Server) -> None:
    assert server.process is not None
    os.kill(status(server).serving_pid, signal.SIGKILL)
    assert server.process.wait(timeout=WAIT_S) != 0
    assert running(server.data) == []


def test_the_process_that_serves_dies_with_the_one_that_was_started(server: Server) -> None:
    server.start()
    reload_all(server.data, WAIT_S)
    serving = Path(f"/proc/{status(server).serving_pid}/stat")
    server.kill()
    eventually(lambda: not serving.exists() or ") Z " in serving.read_text())
    assert running(server.data) == []
