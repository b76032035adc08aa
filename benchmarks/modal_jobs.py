"""1,000 jobs at once whose calls run on Modal, tracked by one server process.

    python benchmarks/modal_jobs.py [--jobs N] [--rounds N]

Jobs are submitted by GraphQL to a whole server on SQLite, which begins a detached call for each and waits for
all of them, against the stand-in of tests/modal in another process. No container takes a call before all have
begun; then one serves them, 64 at a time. Fails unless every job completes, is charged once and has begun one
call.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

TESTS = Path(__file__).parents[1] / "tests"
sys.path[:0] = [str(TESTS.parent), str(TESTS / "modal")]

from modal_server import ModalServer  # noqa: E402 (found by the path above)
from tests.serving import Server  # noqa: E402

SUBMIT = """mutation { probeWork(steps: 1, pauseS: 0.1, behaviour: "abroad") { id } }"""
SUBMITTERS = 16
WORD = 1_000_000
SETTLED_S = 5.0
"""For how long all jobs wait before the memory is looked at."""


async def submit(client: httpx.AsyncClient, count: int) -> None:
    """Submits so many jobs, a few at a time."""
    waiting = iter(range(count))

    async def some() -> None:
        for _ in waiting:
            while True:
                answer = (await client.post("/graphql", json={"query": SUBMIT})).json()
                if "errors" not in answer:
                    break
                error = answer["errors"][0]["extensions"]
                if error["code"] != "RATE_LIMITED":
                    raise RuntimeError(answer)
                await asyncio.sleep(error["retryAfter"])

    await asyncio.gather(*(some() for _ in range(SUBMITTERS)))


def states(server: Server) -> Counter[str]:
    """How many jobs are in each state, from the database: the server is left alone."""
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(server.data / "skyhook.db")) as database:
        return Counter(dict(database.execute("SELECT state, COUNT(*) FROM jobs GROUP BY state").fetchall()))


def works(modal: ModalServer) -> tuple[int, int]:
    """How many detached calls there were, and how many have no result yet."""
    calls = [call for call in list(modal.state.calls.values()) if call.input.method_name == "work"]
    return len(calls), sum(call.output is None for call in calls)


def mib(server: Server) -> float:
    assert server.process is not None
    with open(f"/proc/{server.process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def one_round(server: Server, modal: ModalServer, number: int, jobs: int) -> None:
    """Prints a row."""
    before, most = mib(server), 0.0
    began = time.perf_counter()
    await asyncio.to_thread(modal.run, modal.containers.stop(True))
    async with httpx.AsyncClient(
        base_url=server.address, headers={"Authorization": f"Bearer {server.key}"}, timeout=120
    ) as client:
        await submit(client, jobs)
        submitted_s = time.perf_counter() - began
        while works(modal)[1] < jobs:
            most = max(most, mib(server))
            await asyncio.sleep(0.25)
        begun_s = time.perf_counter() - began
        await asyncio.sleep(SETTLED_S)
        waiting = mib(server)
        released = time.perf_counter()
        await asyncio.to_thread(modal.run, modal.containers.stop(False))
        while (found := await asyncio.to_thread(states, server))["completed"] < number * jobs:
            if found["failed"]:
                raise RuntimeError(f"{found}: {server.log()[-3000:]}")
            most = max(most, mib(server))
            await asyncio.sleep(0.25)
    ended_s = time.perf_counter() - released
    print(
        f"| {jobs} | {submitted_s:.1f} | {begun_s:.1f} | {ended_s:.1f} | {before:.0f} | {waiting:.0f} "
        f"| {most:.0f} | {mib(server):.0f} |",
        flush=True,
    )


def check(server: Server, modal: ModalServer, jobs: int) -> None:
    """Each job was charged once and has begun one call."""
    answer = server.graphql("{ viewer { organization { balance { balance held } } } }")
    balance = answer["data"]["viewer"]["organization"]["balance"]
    charged = 5_000_000_000 - int(balance["balance"])
    if (charged, int(balance["held"]), works(modal)[0]) != (jobs * WORD, 0, jobs):
        raise RuntimeError(f"{jobs} jobs, but {balance} and {works(modal)[0]} calls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with ModalServer() as modal, tempfile.TemporaryDirectory() as folder:
        limits = dict.fromkeys(("SKYHOOK_JOBS_AT_ONCE", "SKYHOOK_JOBS_PER_ORGANIZATION"), str(given.jobs))
        server = Server(Path(folder), environment=modal.variables() | {"SKYHOOK_COMPUTE": "modal"} | limits)
        server.command("functions", "deploy")
        server.prepare()
        server.start()
        try:
            print(
                "| jobs | s to submit | s until all have begun | s from then to the end | MiB before ", end=""
            )
            print("| all waiting | at most | after |\n|---|---|---|---|---|---|---|---|")
            for number in range(1, given.rounds + 1):
                asyncio.run(one_round(server, modal, number, given.jobs))
            check(server, modal, given.jobs * given.rounds)
        finally:
            server.stop()


if __name__ == "__main__":
    main()
