"""Several servers behind one PostgreSQL run jobs as one."""

from __future__ import annotations

import time
from pathlib import Path

from tests.jobs.test_jobs import WORD, balance, read, submit, until
from tests.serving import Server

from tests.conftest import Cluster


def test_a_server_takes_over_the_jobs_of_one_that_died_and_of_no_other(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.sql("CREATE DATABASE two_servers TEMPLATE template_skyhook")
    first, second = (Server(tmp_path, cluster.url("two_servers")) for _ in range(2))
    first.prepare()
    first.start()
    try:
        before = balance(first)["balance"]
        job = submit(first, 40, pause=0.5)
        while read(first, job["id"])["progress"] < 0.1:
            time.sleep(0.1)
        second.start()
        time.sleep(7)  # more than a heartbeat: the second one has looked who is dead
        at_start = read(second, job["id"])
        assert at_start["state"] == "RUNNING"
        first.kill()
        done = until(second, job["id"], "COMPLETED", within_s=150)
        folders = [word.split("@")[1] for word in done["result"]["words"]]
        assert len(set(folders)) == 2, "it ran in the first server until that died"
        done_by_first = folders.count(folders[0])
        assert done_by_first >= at_start["progress"] * 40
        assert before - balance(second)["balance"] == 40 * WORD
    finally:
        first.stop()
        second.stop()
