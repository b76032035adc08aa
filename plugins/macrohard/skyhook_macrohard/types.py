"""The plugin's GraphQL types and inputs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec
import strawberry
from sqlalchemy import Select, select

from skyhook.plugin import (
    Artifact,
    ByUuid,
    Connection,
    Context,
    Info,
    Node,
    Order,
    Page,
    StoredArtifact,
    node_id,
    paginate,
)
from skyhook_functions.macrohard.messages import Action
from skyhook_macrohard.scopes import READ
from skyhook_macrohard.tables import StoredStep, StoredTask
from skyhook_macrohard.tasks import steps, tasks


@strawberry.enum(description="What is done: DONE and FAIL end the task, all others happen in the browser.")
class MacrohardActionKind(Enum):
    """Of an action."""

    CLICK = "click"
    DOUBLE_CLICK = "double_click"
    TYPE = "type"
    PRESS = "press"
    SELECT = "select"
    DRAG = "drag"
    SCROLL = "scroll"
    WAIT = "wait"
    GO = "go"
    BACK = "back"
    DONE = "done"
    FAIL = "fail"


@strawberry.enum(description="Who decides on a step.")
class MacrohardController(Enum):
    """The agent, or a person who has taken over."""

    AGENT = "agent"
    PERSON = "person"


@strawberry.type(description="Something done in the browser; which fields it has depends on its kind.")
class MacrohardAction:
    """An action."""

    kind: MacrohardActionKind = strawberry.field(description="What is done.")
    ref: str | None = strawberry.field(description="The element, as the step's snapshot names it.")
    label: str | None = strawberry.field(description="Instead of ref: the element's whole visible text.")
    x: int | None = strawberry.field(description="Instead of ref: in pixels of the screenshot.")
    y: int | None = strawberry.field(description="Pixels from the screenshot's upper edge.")
    text: str | None = strawberry.field(
        description="What is typed, the option that is selected, the answer of DONE, or the reason of FAIL."
    )
    key: str | None = strawberry.field(description="The key that is pressed, such as Enter or Control+A.")
    url: str | None = strawberry.field(description="Where the browser goes.")
    to_ref: str | None = strawberry.field(description="The element that something is dragged to.")
    to_x: int | None = strawberry.field(
        description="Where something is dragged to: pixels from the left edge."
    )
    to_y: int | None = strawberry.field(
        description="Where something is dragged to: pixels from the upper edge."
    )
    pixels: int | None = strawberry.field(description="How far is scrolled down; negative is up.")
    seconds: float | None = strawberry.field(description="How long is waited.")

    @classmethod
    def of(cls, action: Action) -> MacrohardAction:
        """The GraphQL form of an action."""
        return cls(**msgspec.structs.asdict(action) | {"kind": MacrohardActionKind(action.kind)})


@strawberry.input(
    description="An action. Where it happens: by ref, else by label, else by x and y in the screenshot."
)
class MacrohardActionInput:
    """What a person wants to be done."""

    kind: MacrohardActionKind = strawberry.field(description="What is done.")
    ref: str | None = strawberry.field(default=None, description="Such as e5, in the latest snapshot.")
    label: str | None = strawberry.field(default=None, description="The element's whole visible text.")
    x: int | None = strawberry.field(default=None, description="Pixels from the screenshot's left edge.")
    y: int | None = strawberry.field(default=None, description="Pixels from the screenshot's upper edge.")
    text: str | None = strawberry.field(
        default=None,
        description="For TYPE (in place of what is there), SELECT, DONE (the answer) and FAIL (why).",
    )
    key: str | None = strawberry.field(default=None, description="For PRESS, such as Enter or Control+A.")
    url: str | None = strawberry.field(default=None, description="For GO.")
    to_ref: str | None = strawberry.field(default=None, description="For DRAG; or toX and toY.")
    to_x: int | None = strawberry.field(default=None, description="For DRAG: pixels from the left edge.")
    to_y: int | None = strawberry.field(default=None, description="For DRAG: pixels from the upper edge.")
    pixels: int | None = strawberry.field(default=None, description="For SCROLL: down; negative is up.")
    seconds: float | None = strawberry.field(default=None, description="For WAIT: at most 10.")

    def to_action(self) -> Action:
        """The action of the input."""
        fields = {name: getattr(self, name) for name in Action.__struct_fields__ if name != "kind"}
        return Action(kind=self.kind.value, **fields)


@strawberry.type(description="What was seen, what was decided and why, what was done, and how it went.")
class MacrohardStep(ByUuid, Node):
    """A step of a task."""

    id: strawberry.relay.NodeID[str]
    number: int = strawberry.field(description="From 1.")
    by: MacrohardController = strawberry.field(description="Who decided on it.")
    url: str = strawberry.field(description="Where the browser was before it.")
    title: str = strawberry.field(description="The page's title before it.")
    snapshot: str = strawberry.field(
        description="The page before it as assistive technology sees it: YAML with refs and boxes."
    )
    notes: list[str] = strawberry.field(
        description="What had happened beside: dialogs, tabs that opened, what was blocked."
    )
    action: MacrohardAction | None = strawberry.field(description="Null where the decision was no action.")
    target: str = strawberry.field(description='What it was done to, such as: button "Submit".')
    reason: str = strawberry.field(description="Why, as the agent said.")
    code: str | None = strawberry.field(
        description="Why it was not done, such as SITE_NOT_ALLOWED; null where it was."
    )
    message: str = strawberry.field(description="Why it was not done, in a sentence; empty where it was.")
    started_at: datetime = strawberry.field(description="When the page before it was looked at.")
    ended_at: datetime = strawberry.field(description="When it was done.")
    screenshot_id: strawberry.Private[UUID]

    @classmethod
    def of(cls, step: StoredStep) -> MacrohardStep:
        """The GraphQL form of a row."""
        action = msgspec.convert(step.action, Action) if step.action is not None else None
        return cls(
            id=str(step.id),
            number=step.number,
            by=MacrohardController(step.by),
            url=step.url,
            title=step.title,
            snapshot=step.snapshot,
            notes=step.notes,
            action=MacrohardAction.of(action) if action is not None else None,
            target=step.target,
            reason=step.reason,
            code=step.code,
            message=step.message,
            started_at=step.started_at,
            ended_at=step.ended_at,
            screenshot_id=step.screenshot_id,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Steps of the caller's organization."""
        info.context.caller.require(READ)
        return steps(info.context.caller).where(StoredStep.id.in_(ids))

    @strawberry.field(description="The page before it: a JPEG. Null once it was deleted.")
    async def screenshot(self, info: Info) -> Artifact | None:
        """The picture."""
        return await info.context.loader(_load_screenshots).load(self.screenshot_id)


@strawberry.type(description="A goal that is to be reached in a browser.")
class MacrohardTask(ByUuid, Node):
    """A task of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    job_id: strawberry.ID = strawberry.field(description="The id of its Job, which says how far it is.")
    goal: str = strawberry.field(description="What is to be reached.")
    url: str = strawberry.field(description="Where it began.")
    sites: list[str] = strawberry.field(description="Where its browser may go.")
    model: str | None = strawberry.field(description="The chat model that decides; null for the rules.")
    most_steps: int = strawberry.field(description="After so many steps it ends.")
    time_limit: int = strawberry.field(description="Seconds that the browser may be open.")
    controller: MacrohardController = strawberry.field(description="Who decides on the next step.")
    created_at: datetime = strawberry.field(description="When it was set.")

    @classmethod
    def of(cls, task: StoredTask) -> MacrohardTask:
        """The GraphQL form of a row."""
        return cls(
            id=str(task.id),
            job_id=strawberry.ID(node_id("Job", task.id)),
            goal=task.goal,
            url=task.url,
            sites=task.sites,
            model=task.model,
            most_steps=task.most_steps,
            time_limit=task.seconds,
            controller=MacrohardController(task.controller),
            created_at=task.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Tasks of the caller's organization."""
        info.context.caller.require(READ)
        return tasks(info.context.caller).where(StoredTask.id.in_(ids))

    @strawberry.field(description="Its steps, in the order they were done.")
    async def steps(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
    ) -> Connection[MacrohardStep]:
        """A page of the steps."""
        query = steps(info.context.caller).where(StoredStep.task_id == UUID(self.id))
        order = Order(StoredStep.number, StoredStep.id)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, MacrohardStep.of)


@strawberry.input(description="What is to be reached, where, and within what bounds.")
class MacrohardTaskInput:
    """Of macrohardTask."""

    goal: str = strawberry.field(description="1 to 4000 characters.")
    url: str = strawberry.field(description="Where to begin: http or https.")
    sites: list[str] | None = strawberry.field(
        default=None,
        description="Where the browser may go: example.com, *.example.com or example.com:8080, at most 100; "
        "default: the site of url. Everything else is blocked, parts of pages too.",
    )
    model: str | None = strawberry.field(
        default=None,
        description="A chat model that calls tools, and decides; its tokens are charged apart. Without one "
        "the plugin's own rules do, which solve plain goals.",
    )
    most_steps: int = strawberry.field(default=30, description="1 to 200.")
    time_limit: int = strawberry.field(
        default=600, description="Seconds that the browser may be open: 10 to 3600."
    )
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


async def _load_screenshots(context: Context, ids: list[UUID]) -> list[Artifact | None]:
    query = select(StoredArtifact).where(
        StoredArtifact.id.in_(ids), StoredArtifact.organization_id == context.caller.organization_id
    )
    async with context.services.database.read() as session:
        found = {row.id: Artifact.of(row) for row in await session.scalars(query)}
    return [found.get(one) for one in ids]
