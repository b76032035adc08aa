"""Servers killed with -9 at random moments, over and over, while calls, streams and jobs go on.

Each run lets the load go on for a random time, kills one server or all, looks at the books as the crash left
them, starts what was killed again, and sends all that was not answered again under the same keys. What dead
processes hold must be gone when their leases and a sweep are over; nothing is done to help them.
"""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.trust.fleet import (
    Fleet,
    children,
    differences,
    first_organization,
    is_alive,
    one,
    unbalanced,
)
from benchmarks.trust.wire import Line, code_of
from sqlalchemy import func, select, text
from tests.serving import Server

from skyhook.billing import Billing
from skyhook.billing.leases import LEASE
from skyhook.billing.service import SWEEP_EVERY
from skyhook.clock import now
from skyhook.database import Database
from skyhook.ledger.models import HoldState, LedgerHold

CREDIT = 10**15
ANSWERS, STREAMS, JOBS = 12, 4, 1
"""Callers of each kind to each server."""
LOAD_S = (0.1, 2.0)
ALL = 0.3
"""The share of runs in which every server is killed; else one is, and the others go on."""
STARTING = 0.1
"""The share of kills that come while the server starts."""
SLACK_S = 15
"""For a busy machine, beside the time of a lease and of a sweep."""
BACK_S = (LEASE + SWEEP_EVERY).total_seconds() + SLACK_S
"""After which nothing of a dead process is held."""
JOBS_END_S = 120
RECONCILE_EVERY = 10

ANSWER = 'mutation ($text: String!) { probeAnswer(behaviour: "random", text: $text) }'
WORDS = 'subscription { probeWords(text: "a ", count: 5, pauseS: 0.005) }'
WORK = "mutation { probeWork(steps: 2, pauseS: 0.02) { id } }"
COUNTS = """
    SELECT (SELECT COUNT(*) FROM usage_events WHERE operation = 'probeAnswer'),
           (SELECT COUNT(DISTINCT usage_event_id) FROM idempotency_records),
           (SELECT COUNT(*) FROM usage_events WHERE operation = 'probeWords'),
           (SELECT COUNT(*) FROM usage_events WHERE operation = 'probeWork' AND cost > 0),
           (SELECT COUNT(*) FROM jobs WHERE state = 'completed'),
           (SELECT COUNT(*) FROM jobs)
"""


@dataclass
class Seen:
    """What the clients were told, in all runs together."""

    answers: dict[str, str | None] = field(default_factory=dict)
    """By idempotency key: the answer; None where none was seen yet."""
    jobs: dict[str, str | None] = field(default_factory=dict)
    """By idempotency key: the job's id."""
    streams_begun: int = 0
    streams_ended: int = 0
    """Read to the end."""
    retried: int = 0
    refused: Counter[str] = field(default_factory=Counter)


@dataclass
class Run:
    """What one run gave."""

    number: int
    load_s: float
    killed: list[int]
    while_starting: bool
    seen: int
    """Answers, jobs and streams that were seen before the kill."""
    unanswered: int
    """Keys that were sent, and not answered."""
    charged_unseen: int
    """Of these, what was charged: a retry got the stored answer."""
    problems: list[str]


class Crash:
    """A database, its servers, and what clients saw."""

    def __init__(self, fleet: Fleet, dice: random.Random) -> None:
        self.fleet = fleet
        self.database = Database(fleet.url)
        self.dice = dice
        self.seen = Seen()
        self.key = fleet.key

    async def run(self, number: int) -> Run:
        """Load, kill, look, start, retry, look again."""
        seen, problems = self.seen, list[str]()
        before = self._told()
        everybody = len(self.fleet.servers)
        dead = self.dice.sample(self.fleet.servers, everybody if self.dice.random() < ALL else 1)
        while_starting = self.dice.random() < STARTING
        load_s = self.dice.uniform(*LOAD_S)
        load = [asyncio.create_task(task) for server in self.fleet.servers for task in self._callers(server)]
        await asyncio.sleep(load_s)
        orphans = [pid for server in dead for pid in children(server)]
        for server in dead:
            server.kill()
        await asyncio.sleep(0.1)
        for task in load:
            task.cancel()
        ends = await asyncio.gather(*load, return_exceptions=True)
        problems += [repr(end) for end in ends if isinstance(end, Exception)]

        problems += await self._books("after the kill")
        told = self._told() - before
        open_keys = [key for key, answer in seen.answers.items() if answer is None]
        unanswered = len(open_keys) + sum(job is None for job in seen.jobs.values())
        charged_unseen = await self._charged(open_keys)
        if while_starting:
            await self._kill_starting(dead)
        await asyncio.to_thread(self.fleet.start, dead)
        problems += [f"process {pid} outlived its server" for pid in orphans if is_alive(pid)]
        await self._retry()
        problems += await self._books("after the restart")
        if number % RECONCILE_EVERY == 0:
            problems += await self._settled()
        killed = [self.fleet.servers.index(server) for server in dead]
        return Run(
            number, round(load_s, 2), killed, while_starting, told, unanswered, charged_unseen, problems
        )

    def _told(self) -> int:
        answers = [*self.seen.answers.values(), *self.seen.jobs.values()]
        return sum(answer is not None for answer in answers) + self.seen.streams_ended

    def _callers(self, server: Server) -> list[Any]:
        return [
            *(self._answers(server) for _ in range(ANSWERS)),
            *(self._streams(server) for _ in range(STREAMS)),
            *(self._jobs(server) for _ in range(JOBS)),
        ]

    async def _answers(self, server: Server) -> None:
        try:
            async with Line(server.port, self.key) as line:
                while True:
                    key = uuid4().hex
                    self.seen.answers[key] = None
                    self._note_answer(key, await line.ask(ANSWER, once=key, text=key))
        except (OSError, EOFError):
            return

    def _note_answer(self, key: str, answer: dict[str, Any]) -> None:
        if (code := code_of(answer)) is not None:
            self.seen.refused[code] += 1
            return
        text, known = answer["data"]["probeAnswer"], self.seen.answers.get(key)
        if known is not None and known != text:
            raise AssertionError(f"key {key} was answered {known} and {text}")
        self.seen.answers[key] = text

    async def _streams(self, server: Server) -> None:
        try:
            async with Line(server.port, self.key) as line:
                while True:
                    self.seen.streams_begun += 1
                    streamed = await line.stream(WORDS)
                    if streamed.code is not None:
                        self.seen.refused[streamed.code] += 1
                    else:
                        self.seen.streams_ended += 1
        except (OSError, EOFError):
            return

    async def _jobs(self, server: Server) -> None:
        try:
            async with Line(server.port, self.key) as line:
                while True:
                    key = uuid4().hex
                    self.seen.jobs[key] = None
                    self._note_job(key, await line.ask(WORK, once=key))
                    await asyncio.sleep(0.5)
        except (OSError, EOFError):
            return

    def _note_job(self, key: str, answer: dict[str, Any]) -> None:
        if (code := code_of(answer)) is not None:
            self.seen.refused[code] += 1
        else:
            self.seen.jobs[key] = answer["data"]["probeWork"]["id"]

    async def _kill_starting(self, servers: list[Server]) -> None:
        """Begins to start a server and kills it before, or just after, it is ready."""
        for server in servers:
            starting = asyncio.create_task(asyncio.to_thread(server.start))
            await asyncio.sleep(self.dice.uniform(0.5, 4))
            if server.process is not None:
                server.kill()
            await asyncio.gather(starting, return_exceptions=True)

    async def _retry(self) -> None:
        """Sends what was not answered again, to any server, until it is answered."""
        todo = [(ANSWER, key) for key, answer in self.seen.answers.items() if answer is None]
        todo += [(WORK, key) for key, job in self.seen.jobs.items() if job is None]
        self.seen.retried += len(todo)
        async with Line(self.dice.choice(self.fleet.servers).port, self.key) as line:
            for query, key in todo:
                if query is WORK:
                    self._note_job(key, await line.ask(WORK, once=key))
                else:
                    self._note_answer(key, await line.ask(ANSWER, once=key, text=key))

    async def _charged(self, keys: list[str]) -> int:
        if not keys:
            return 0
        marks = ", ".join(f"'{key}'" for key in keys)
        query = f"SELECT COUNT(*) FROM idempotency_records WHERE key IN ({marks})"  # noqa: S608 - our own
        return int(await one(self.database, query))

    async def _books(self, when: str) -> list[str]:
        """What is wrong with the books at this moment, in which some clients may wait for an answer."""
        seen, wrong = self.seen, list[str]()
        if sums := await unbalanced(self.database):
            wrong.append(f"postings do not sum to zero: {sums}")
        async with self.database.read() as session:
            counts = (await session.execute(text(COUNTS))).one()
        charged, stored, streams, paid, completed, jobs = counts
        answered = sum(answer is not None for answer in seen.answers.values())
        if charged != stored or not answered <= charged <= len(seen.answers):
            wrong.append(f"{answered} answers were seen, {charged} are charged, {stored} stored")
        if not seen.streams_ended <= streams <= seen.streams_begun:
            wrong.append(f"{seen.streams_ended} streams were read, {streams} are charged")
        submitted = sum(job is not None for job in seen.jobs.values())
        if paid != completed or not submitted <= jobs <= len(seen.jobs):
            wrong.append(
                f"{submitted} jobs were seen, {jobs} are here, {completed} completed, {paid} charged"
            )
        return [f"{when}: {sentence}" for sentence in wrong]

    async def _settled(self) -> list[str]:
        """What all books say together, and what is held for dead processes after its lease and a sweep."""
        before = now() - SWEEP_EVERY - timedelta(seconds=SLACK_S)
        query = select(func.count()).where(
            LedgerHold.state == HoldState.OPEN,
            LedgerHold.owner_id.is_not(None),
            LedgerHold.expires_at < before,
        )
        async with self.database.read() as session:
            held = await session.scalar(query)
        found = await differences(self.database)
        return [*found, *([f"{held} holds of dead processes are open"] if held else [])]

    async def finish(self) -> list[str]:
        """After the last run: every job has ended, and nothing is held when the servers have stopped."""
        deadline = time.monotonic() + JOBS_END_S
        running = "SELECT COUNT(*) FROM jobs WHERE state IN ('queued', 'running')"
        while await one(self.database, running) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        await asyncio.sleep(BACK_S)
        problems = await self._books("at the end") + await self._settled()
        if unended := await one(self.database, running):
            problems.append(f"{unended} jobs have not ended")
        await asyncio.to_thread(self.fleet.stop)
        if held := await one(self.database, "SELECT SUM(held) FROM ledger_accounts"):
            problems.append(f"{held} nano-dollars are held though no server runs")
        problems += await self._settled()
        await self.database.close()
        return problems


async def kill_over_and_over(fleet: Fleet, runs: int, seed: int, log: Path) -> tuple[Crash, list[Run]]:
    """So many runs; each is written to `log` as it ends, so that they count if this is cut off."""
    crash, done = Crash(fleet, random.Random(seed)), list[Run]()  # noqa: S311
    organization = await first_organization(crash.database)
    await Billing(crash.database).grant(organization, CREDIT, reason="benchmark", key="benchmark")
    for number in range(1, runs + 1):
        run = await crash.run(number)
        done.append(run)
        with log.open("a") as lines:
            lines.write(json.dumps(asdict(run)) + "\n")
    last = await crash.finish()
    with log.open("a") as lines:
        lines.write(json.dumps({"finished": runs, "problems": last}) + "\n")
    if done:
        done[-1].problems += last
    return crash, done


def report(name: str, crash: Crash, runs: list[Run]) -> None:
    """Prints what all runs gave. Raises RuntimeError where one has a problem."""
    seen = crash.seen
    print(
        f"| {name} | {len(runs)} | {sum(len(run.killed) for run in runs)} "
        f"| {sum(run.while_starting for run in runs)} | {len(seen.answers):,} | {seen.streams_begun:,} "
        f"| {len(seen.jobs):,} | {seen.retried:,} | {sum(run.charged_unseen for run in runs):,} "
        f"| {sum(len(run.problems) for run in runs)} |",
        flush=True,
    )
    if seen.refused:
        print(f"refused: {dict(seen.refused)}")
    problems = [f"run {run.number}: {problem}" for run in runs for problem in run.problems]
    if problems:
        raise RuntimeError("\n".join(problems))
