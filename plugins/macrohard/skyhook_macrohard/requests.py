"""What a task is asked for, what each of its steps gave and how it ended, as it is stored."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from skyhook_functions.macrohard.messages import Action, Observation

By = Literal["agent", "person"]
Ending = Literal["done", "gave_up", "out_of_steps", "out_of_time"]


class Task(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A goal to be reached in a browser."""

    goal: str
    url: str
    """Where it begins."""
    sites: list[str]
    model: str | None = None
    """The chat model that decides; None for the plugin's own rules."""
    most_steps: int
    seconds: int
    """The most that its browser may be open, over all runs of the job together."""
    keep_s: int
    """How long after the job's end its steps are kept."""


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A step that was done: what a later run of the job knows of it."""

    number: int
    by: By
    action: Action | None
    """None where the decision was no action, or the time was up before."""
    target: str = ""
    """What the action was done to, as the snapshot named it."""
    code: str | None = None
    """Why the action was not done."""
    message: str = ""
    url: str
    """Where the browser was after it."""
    seconds: float
    """How long the browser was open for it."""
    out_of_time: bool = False


class Result(Struct, frozen=True, kw_only=True, rename="camel"):
    """The result of the job."""

    outcome: Ending
    answer: str
    """What `done` said, or why it gave up."""
    steps: int
    url: str
    """Where it ended."""
    browser_seconds: float


class Decision(Struct, frozen=True, kw_only=True):
    """What a policy wants to be done."""

    action: Action | None
    reason: str
    problem: str = ""
    """Why there is no action."""


class Scene(Struct, frozen=True, kw_only=True):
    """What a policy decides on."""

    goal: str
    observation: Observation
    past: list[Step]
