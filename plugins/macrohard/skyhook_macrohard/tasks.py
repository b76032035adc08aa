"""Tasks as they are stored: by the job that runs them, and by people who look at them or take them over."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from uuid import UUID, uuid5

import msgspec
from sqlalchemy import Select, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from skyhook.plugin import Caller, Database, InvalidInput, new_id, now
from skyhook_functions.macrohard.messages import Action
from skyhook_macrohard.errors import ActionNotTaken, AgentInControl, TaskEnded, TaskNotFound
from skyhook_macrohard.requests import By, Task
from skyhook_macrohard.tables import PersonsAction, StoredStep, StoredTask

LOOK_S = 0.2
"""How often it is looked whether a person's action was done."""
PERSON_S = 60.0
"""The longest that a person's action is waited for."""


class Tasks:
    """Reads and writes the plugin's tables."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def store(self, task_id: UUID, organization_id: UUID, task: Task) -> None:
        """Stores a task that was submitted, or begins; a second time changes nothing."""
        row = {
            "id": task_id,
            "organization_id": organization_id,
            "goal": task.goal,
            "url": task.url,
            "sites": task.sites,
            "model": task.model,
            "most_steps": task.most_steps,
            "seconds": task.seconds,
            "kept_until": now() + timedelta(seconds=task.keep_s),
        }
        dialect = sqlite if self._database.is_sqlite else postgresql
        async with self._database.write() as session:
            await session.execute(dialect.insert(StoredTask).on_conflict_do_nothing(), [row])

    async def begin(self, task_id: UUID) -> None:
        """Notes that a task runs, and forgets those that were kept as long as they were to be."""
        here = StoredTask.id == task_id
        async with self._database.write() as session:
            await session.execute(update(StoredTask).where(here).values(kept_until=None, has_ended=False))
            await session.execute(delete(StoredTask).where(StoredTask.kept_until < now()))

    async def end(self, task_id: UUID, keep_s: int) -> None:
        """Notes that a task does not run any more."""
        async with self._database.write() as session:
            await session.execute(
                update(StoredTask)
                .where(StoredTask.id == task_id)
                .values(kept_until=now() + timedelta(seconds=keep_s), has_ended=True)
            )

    async def get(self, caller: Caller, task_id: UUID) -> StoredTask:
        """A task of the caller's organization. Raises TaskNotFound."""
        async with self._database.read() as session:
            found = (await session.scalars(tasks(caller).where(StoredTask.id == task_id))).one_or_none()
        if found is None:
            raise TaskNotFound("This organization has no such task: name the id that macrohardTask gave.")
        return found

    async def controller(self, task_id: UUID) -> str | None:
        """Who decides on the next step."""
        async with self._database.read() as session:
            return await session.scalar(select(StoredTask.controller).where(StoredTask.id == task_id))

    async def give_to(self, caller: Caller, task_id: UUID, controller: By) -> StoredTask:
        """Says who decides from the next step on; handing back drops what a person still wanted."""
        async with self._database.write() as session:
            await session.execute(
                update(StoredTask)
                .where(StoredTask.id == task_id, StoredTask.organization_id == caller.organization_id)
                .values(controller=controller)
            )
            if controller == "agent":
                waiting = PersonsAction.task_id == task_id, PersonsAction.step_id.is_(None)
                await session.execute(delete(PersonsAction).where(*waiting))
        return await self.get(caller, task_id)

    async def ask(self, caller: Caller, task_id: UUID, action: Action, key: str | None) -> UUID:
        """Notes what a person wants to be done; under the same key once. Raises AgentInControl."""
        id = new_id() if key is None else uuid5(task_id, key)
        content = msgspec.to_builtins(action)
        task = await self.get(caller, task_id)
        async with self._database.write() as session:
            before = await session.get(PersonsAction, id)
            if before is not None and before.action != content:
                raise InvalidInput("This key belongs to another action.", field="idempotencyKey")
            if before is None and task.controller != "person":
                raise AgentInControl("The agent has this task: take it over first, with macrohardTakeOver.")
            if before is None:
                session.add(PersonsAction(id=id, task_id=task_id, action=content))
        return id

    async def done(self, id: UUID) -> StoredStep:
        """Waits for the step that did what a person wanted. Raises TaskEnded and ActionNotTaken."""
        deadline = time.monotonic() + PERSON_S
        has_ended = False
        while time.monotonic() < deadline and not has_ended:
            async with self._database.read() as session:
                asked = await session.get(PersonsAction, id)
                if asked is not None and asked.step_id is not None:
                    return await session.get_one(StoredStep, asked.step_id)
                task = await session.get(StoredTask, asked.task_id) if asked is not None else None
            has_ended = task is None or task.has_ended
            await asyncio.sleep(LOOK_S)
        async with self._database.write() as session:
            waits = PersonsAction.id == id, PersonsAction.step_id.is_(None)
            await session.execute(delete(PersonsAction).where(*waits))
        if has_ended:
            raise TaskEnded("The task ended, or was handed back, before this was done.")
        raise ActionNotTaken("The task did not get to this action, and will not do it: try again.")

    async def next_asked(self, task_id: UUID) -> PersonsAction | None:
        """What a person wants to be done next."""
        query = (
            select(PersonsAction)
            .where(PersonsAction.task_id == task_id, PersonsAction.step_id.is_(None))
            .order_by(PersonsAction.created_at, PersonsAction.id)
            .limit(1)
        )
        async with self._database.read() as session:
            return (await session.scalars(query)).one_or_none()

    async def store_step(self, step: StoredStep, asked: PersonsAction | None) -> None:
        """Stores a step, in place of what a run that was cut off stored of it."""
        async with self._database.write() as session:
            await session.merge(step)
            if asked is not None:
                done = update(PersonsAction).where(PersonsAction.id == asked.id).values(step_id=step.id)
                await session.execute(done)

    async def steps_after(self, caller: Caller, task_id: UUID, number: int) -> list[StoredStep]:
        """The steps behind the one with a number, in their order."""
        query = steps(caller).where(StoredStep.task_id == task_id, StoredStep.number > number)
        async with self._database.read() as session:
            return list(await session.scalars(query.order_by(StoredStep.number)))


def tasks(caller: Caller) -> Select[StoredTask]:
    """Selects the tasks of the caller's organization."""
    return select(StoredTask).where(StoredTask.organization_id == caller.organization_id)


def steps(caller: Caller) -> Select[StoredStep]:
    """Selects the steps of the caller's organization."""
    return select(StoredStep).where(StoredStep.organization_id == caller.organization_id)
