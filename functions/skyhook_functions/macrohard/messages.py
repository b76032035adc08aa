"""What the browser takes and gives: the structs that it shares with the macrohard plugin."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Kind = Literal[
    "click",
    "double_click",
    "type",
    "press",
    "select",
    "drag",
    "scroll",
    "wait",
    "go",
    "back",
    "done",
    "fail",
]
"""What can be done; `done` and `fail` end a task and never reach the browser."""


class Action(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One thing to do. Where it happens is said by `ref`, else by `label`, else by `x` and `y`."""

    kind: Kind
    ref: str | None = None
    """An element of the latest snapshot, such as "e5"."""
    label: str | None = None
    """The whole visible text of an element, for text that has no element of its own in the snapshot."""
    x: int | None = None
    """In pixels of the screenshot, with `y`."""
    y: int | None = None
    text: str | None = None
    """What to type, the option to select, the answer of `done`, or why `fail`."""
    key: str | None = None
    """For `press`: a key such as "Enter", or keys such as "Control+A"."""
    url: str | None = None
    """For `go`."""
    to_ref: str | None = None
    """For `drag`: the element to drop on; or `to_x` and `to_y`."""
    to_x: int | None = None
    to_y: int | None = None
    pixels: int | None = None
    """For `scroll`: how far down; negative is up."""
    seconds: float | None = None
    """For `wait`."""


class OpenRequest(Struct, frozen=True):
    """A browser for a task, at an address."""

    task: str
    """Names the browser in the calls that follow."""
    url: str
    sites: list[str]
    """Where it may go; see `skyhook_functions.macrohard.sites`."""
    allow_private: bool
    """Whether it may reach private addresses, such as this machine's own."""


class ActRequest(Struct, frozen=True):
    """An action in a task's browser."""

    task: str
    action: Action


class TaskRequest(Struct, frozen=True):
    """Names a task's browser."""

    task: str


class Observation(Struct, frozen=True, kw_only=True):
    """What is to be seen now."""

    url: str
    title: str
    snapshot: str
    """The accessibility tree as YAML with each element's ref and box (x, y, width, height)."""
    screenshot: bytes
    """A JPEG of 1280 x 800 pixels."""
    preview: bytes
    """A small JPEG."""
    notes: list[str]
    """What happened beside: dialogs, tabs that opened, what was blocked."""


class Outcome(Struct, frozen=True, kw_only=True):
    """How an action went and what is to be seen after it."""

    code: str | None = None
    """None where it was done; else such as SITE_NOT_ALLOWED."""
    message: str = ""
    observation: Observation


class Closed(Struct, frozen=True):
    """The task's browser is gone."""

    was_open: bool
