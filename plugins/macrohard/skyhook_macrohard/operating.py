"""The job: steps of seeing, deciding and acting, until the goal is reached or what was allowed is used up.

Each step is durable. After a crash the browser is opened anew where the last step left it, with what was
done before; what was typed or chosen on that page and not sent is lost.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from contextlib import suppress
from datetime import datetime
from math import ceil
from uuid import uuid5

import msgspec

from skyhook.plugin import JobRun, now
from skyhook_functions.macrohard.browser import Browser
from skyhook_functions.macrohard.messages import Action, ActRequest, Observation, OpenRequest, TaskRequest
from skyhook_macrohard.errors import start_refused
from skyhook_macrohard.meters import BROWSER_SECONDS, STEPS
from skyhook_macrohard.page import describe
from skyhook_macrohard.policies import policy_of
from skyhook_macrohard.requests import Decision, Ending, Result, Scene, Step, Task
from skyhook_macrohard.settings import MacrohardSettings
from skyhook_macrohard.tables import PersonsAction, StoredStep
from skyhook_macrohard.tasks import Tasks

PERSON_LOOK_S = 0.5
"""How often it is looked whether a person wants something done."""
CLOSE_S = 10.0
CONFUSED_STEPS = 3
"""A task whose policy decides so often in a row on nothing that can be done has come to its end."""


async def operate(run: JobRun, task: Task) -> Result:
    """Does a task. Raises PageUnreachable, SiteNotAllowed or AddressNotAllowed where it cannot begin."""
    tasks = Tasks(run.database)
    await tasks.store(run.job_id, run.organization_id, task)
    await tasks.begin(run.job_id)
    operator = Operator(run, task, tasks)
    past: list[Step] = []
    try:
        while (ending := _ending(task, past)) is None:
            past.append(await run.step(f"step {len(past) + 1}", Step, lambda: operator.step(past)))
            await operator.tell(past)
    finally:
        await operator.close()
        await tasks.end(run.job_id, task.keep_s)
    last = past[-1]
    is_said = last.action is not None and last.action.kind in ("done", "fail")
    return Result(
        outcome=ending,
        answer=(last.action.text or "") if is_said and last.action else last.message,
        steps=len(past),
        url=last.url,
        browser_seconds=round(sum(step.seconds for step in past), 1),
    )


class Operator:
    """Does the steps of one run of the job."""

    def __init__(self, run: JobRun, task: Task, tasks: Tasks) -> None:
        self._run = run
        self._task = task
        self._tasks = tasks
        self._policy = policy_of(run, task)
        self._browser = str(run.job_id)
        self._seen: Observation | None = None
        """What is to be seen now; None where the browser must be opened first."""

    async def step(self, past: list[Step]) -> Step:
        """One step; whatever breaks it off, the next try opens the browser anew."""
        try:
            return await self._step(past)
        except BaseException:
            self._seen = None
            raise

    async def _step(self, past: list[Step]) -> Step:
        started, started_at = time.monotonic(), now()
        used_s = sum(step.seconds for step in past)
        seen = await self._see(past)
        asked, decision = None, Decision(action=None, reason="")
        code: str | None = None
        out_of_time = False
        try:
            async with asyncio.timeout(max(self._task.seconds - used_s, 0)):
                asked, decision = await self._decide(past)
                seen = self._seen or seen
                code, message = await self._act(decision)
        except TimeoutError:
            code, message, out_of_time = "OUT_OF_TIME", "The task's time is up.", True
        step = Step(
            number=len(past) + 1,
            by="person" if asked else "agent",
            action=decision.action,
            target=describe(seen.snapshot, decision.action),
            code=code,
            message=message,
            url=(self._seen or seen).url,
            seconds=time.monotonic() - started,
            out_of_time=out_of_time,
        )
        await self._store(step, seen, decision, asked, started_at)
        self._meter(used_s, step)
        return step

    async def tell(self, past: list[Step]) -> None:
        """Tells who watches what was done, with a picture of what is to be seen now."""
        step = past[-1]
        what = f"{step.action.kind} {step.target}".strip() if step.action else "nothing"
        stage = f"Step {step.number}: {what}{f' ({step.code})' if step.code else ''}"
        preview = self._seen.preview if self._seen else None
        await self._run.progress(step.number / self._task.most_steps, stage, preview)

    async def close(self) -> None:
        """Ends the browser; where this fails its worker does it once nobody uses it."""
        with suppress(Exception):
            async with asyncio.timeout(CLOSE_S):
                await self._run.compute(Browser.close, TaskRequest(self._browser))

    async def _see(self, past: list[Step]) -> Observation:
        if self._seen is not None:
            return self._seen
        url = past[-1].url if past and past[-1].url.startswith("http") else self._task.url
        await self._run.progress(0.0, "Opening the browser")
        allow_private = self._run.settings(MacrohardSettings).allow_private
        request = OpenRequest(self._browser, url, self._task.sites, allow_private)
        outcome = await self._run.compute(Browser.open, request)
        if outcome.code and not past:
            raise start_refused(outcome)
        self._seen = outcome.observation
        if past:
            note = f"The browser was opened anew at {url}; what was typed or chosen there before is lost."
            self._seen = msgspec.structs.replace(self._seen, notes=[note, *self._seen.notes])
        return self._seen

    async def _decide(self, past: list[Step]) -> tuple[PersonsAction | None, Decision]:
        """What to do: as a person says who has taken over, else as the policy does."""
        while True:
            asked = await self._persons()
            if asked is not None:
                return asked, Decision(action=msgspec.convert(asked.action, Action), reason="")
            assert self._seen is not None
            decision = await self._policy.decide(
                Scene(goal=self._task.goal, observation=self._seen, past=past)
            )
            if await self._tasks.controller(self._run.job_id) != "person":
                return None, decision

    async def _persons(self) -> PersonsAction | None:
        """What a person who has taken over wants to be done, once there is something; None for the agent."""
        while await self._tasks.controller(self._run.job_id) == "person":
            asked = await self._tasks.next_asked(self._run.job_id)
            if asked is not None:
                return asked
            seen = await self._run.compute(Browser.look, TaskRequest(self._browser))
            before = self._seen.notes if self._seen else []
            self._seen = msgspec.structs.replace(seen, notes=[*before, *seen.notes])
            await self._run.progress(0.0, "A person has taken over", seen.preview)
            await asyncio.sleep(PERSON_LOOK_S)
        return None

    async def _act(self, decision: Decision) -> tuple[str | None, str]:
        action = decision.action
        if action is None:
            return "ACTION_INVALID", decision.problem
        if action.kind in ("done", "fail"):
            return None, ""
        outcome = await self._run.compute(Browser.act, ActRequest(self._browser, action))
        self._seen = outcome.observation
        return outcome.code, outcome.message

    async def _store(
        self, step: Step, seen: Observation, decision: Decision, asked: PersonsAction | None, at: datetime
    ) -> None:
        name = f"step-{step.number}"
        # A run that was cut off may have stored what it saw, which need not be what is seen now.
        key = f"{name}-{hashlib.sha256(seen.screenshot).hexdigest()[:16]}"
        screenshot = await self._run.store(seen.screenshot, name=f"{name}.jpg", key=key)
        row = StoredStep(
            id=uuid5(self._run.job_id, name),
            task_id=self._run.job_id,
            organization_id=self._run.organization_id,
            number=step.number,
            by=step.by,
            url=seen.url,
            title=seen.title,
            snapshot=seen.snapshot,
            screenshot_id=screenshot.id,
            notes=seen.notes,
            action=msgspec.to_builtins(step.action) if step.action else None,
            target=step.target,
            reason=decision.reason,
            code=step.code,
            message=step.message,
            started_at=at,
            ended_at=now(),
        )
        await self._tasks.store_step(row, asked)

    def _meter(self, used_s: float, step: Step) -> None:
        """Counts the step, and the seconds of the browser that began in it."""
        if not step.out_of_time:
            self._run.meter(STEPS, 1)
        before, after = (min(ceil(one), self._task.seconds) for one in (used_s, used_s + step.seconds))
        self._run.meter(BROWSER_SECONDS, after - before)


def _ending(task: Task, past: list[Step]) -> Ending | None:
    """How the task has ended; None where it goes on."""
    if not past:
        return None
    last = past[-1]
    if last.action is not None and not last.code and last.action.kind in ("done", "fail"):
        return "done" if last.action.kind == "done" else "gave_up"
    if len(past) >= CONFUSED_STEPS and all(step.action is None for step in past[-CONFUSED_STEPS:]):
        return "gave_up"
    if last.out_of_time or sum(step.seconds for step in past) >= task.seconds:
        return "out_of_time"
    return "out_of_steps" if len(past) >= task.most_steps else None
