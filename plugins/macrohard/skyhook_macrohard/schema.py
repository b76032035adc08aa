"""The plugin's GraphQL root fields."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Annotated
from uuid import UUID

import strawberry

from skyhook.plugin import Connection, GlobalID, Info, Job, JobOptions, Order, Page, paginate, submit_job
from skyhook_macrohard import asking
from skyhook_macrohard.errors import TaskEnded
from skyhook_macrohard.requests import By
from skyhook_macrohard.scopes import OPERATE, READ
from skyhook_macrohard.tables import StoredTask
from skyhook_macrohard.tasks import Tasks, tasks
from skyhook_macrohard.types import (
    MacrohardActionInput,
    MacrohardStep,
    MacrohardTask,
    MacrohardTaskInput,
)

Options = Annotated[JobOptions | None, strawberry.argument(description="How the job is to be handled.")]
Action = Annotated[MacrohardActionInput, strawberry.argument(description="What is to be done.")]
TaskId = Annotated[GlobalID, strawberry.argument(description="The task's id, or its job's.")]
ActionKey = Annotated[str | None, strawberry.argument(description="The same as the header Idempotency-Key.")]
After = Annotated[int, strawberry.argument(description="The last step that is known already.")]


@strawberry.type
class MacrohardQuery:
    """Root fields that read."""

    @strawberry.field(description="A task with its steps, by the id of the task or of its job.")
    async def macrohard_task(self, info: Info, id: TaskId) -> MacrohardTask:
        """One task."""
        info.context.caller.require(READ)
        return MacrohardTask.of(await _tasks(info).get(info.context.caller, asking.task_id(id)))

    @strawberry.field(description="The organization's tasks, newest first.")
    async def macrohard_tasks(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MacrohardTask]:
        """A page of tasks."""
        info.context.caller.require(READ)
        order = Order(StoredTask.created_at, StoredTask.id, descending=True)
        async with info.context.services.database.read() as session:
            page = Page(first, after, last, before)
            return await paginate(session, tasks(info.context.caller), page, order, MacrohardTask.of)


@strawberry.type
class MacrohardMutation:
    """Root fields that set a task, and with which a person takes part in it."""

    @strawberry.mutation(
        description="Has a goal reached in a browser of its own. Result: `{ outcome answer steps url "
        "browserSeconds }`; outcome is done, gave_up, out_of_steps or out_of_time."
    )
    async def macrohard_task(self, info: Info, input: MacrohardTaskInput, job: Options = None) -> Job:
        """A queued job."""
        asked = asking.task(info, input, job)
        submitted = await submit_job(info, asked, job)
        await _tasks(info).store(UUID(submitted.id), info.context.caller.organization_id, asked.arguments)
        return submitted

    @strawberry.mutation(
        description="Takes a task over: the agent stops after what it does just now, and macrohardAct acts. "
        "The browser's time goes on."
    )
    async def macrohard_take_over(self, info: Info, id: TaskId) -> MacrohardTask:
        """The task, in a person's hands."""
        return await _give_to(info, id, "person")

    @strawberry.mutation(
        description="Does something in a task that was taken over, and gives the step once it is done. Its "
        "screenshot and snapshot are of before; the job's preview shows what came of it."
    )
    async def macrohard_act(
        self, info: Info, id: TaskId, action: Action, idempotency_key: ActionKey = None
    ) -> MacrohardStep:
        """A person's step."""
        caller = info.context.caller
        caller.require(OPERATE)
        await _running(info, id)
        key = info.context.next_idempotency_key(idempotency_key)
        service = _tasks(info)
        asked = await service.ask(caller, asking.task_id(id), action.to_action(), key)
        return MacrohardStep.of(await service.done(asked))

    @strawberry.mutation(description="Hands a task that was taken over back to the agent, which goes on.")
    async def macrohard_hand_back(self, info: Info, id: TaskId) -> MacrohardTask:
        """The task, in the agent's hands."""
        return await _give_to(info, id, "agent")


@strawberry.type
class MacrohardSubscription:
    """Root fields that follow a task."""

    @strawberry.subscription(
        description="The steps of a task that there are, and then each as it is done, until the task has "
        "ended. For pictures on the way follow `preview` of jobUpdated."
    )
    async def macrohard_watch(
        self, info: Info, id: TaskId, after: After = 0
    ) -> AsyncGenerator[MacrohardStep, None]:
        """The steps of a task."""
        context = info.context
        context.caller.require(READ)
        service, task_id = _tasks(info), asking.task_id(id)
        await service.get(context.caller, task_id)
        async for _ in context.services.jobs.watch(context.caller, task_id):
            for step in await service.steps_after(context.caller, task_id, after):
                after = step.number
                context.forget_loaded()
                yield MacrohardStep.of(step)


def _tasks(info: Info) -> Tasks:
    return Tasks(info.context.services.database)


async def _running(info: Info, id: GlobalID) -> None:
    """Raises TaskNotFound, and TaskEnded for a task that does not go on."""
    caller, task_id = info.context.caller, asking.task_id(id)
    await _tasks(info).get(caller, task_id)
    job = await info.context.services.jobs.get(caller, task_id)
    if job.ended_at is not None:
        raise TaskEnded("The task has ended: set it anew with macrohardTask.")


async def _give_to(info: Info, id: GlobalID, controller: By) -> MacrohardTask:
    caller = info.context.caller
    caller.require(OPERATE)
    await _running(info, id)
    return MacrohardTask.of(await _tasks(info).give_to(caller, asking.task_id(id), controller))
