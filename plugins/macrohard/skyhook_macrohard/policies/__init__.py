"""Who decides what is done: a chat model, or the plugin's own rules."""

from __future__ import annotations

from typing import Protocol

from skyhook.plugin import JobRun
from skyhook_macrohard.policies.chat import ChatPolicy
from skyhook_macrohard.policies.rules import RulesPolicy
from skyhook_macrohard.requests import Decision, Scene, Task


class Policy(Protocol):
    """Decides on one step at a time, by the goal, what is to be seen, and what was done."""

    async def decide(self, scene: Scene) -> Decision:
        """The next action."""
        ...


def policy_of(run: JobRun, task: Task) -> Policy:
    """The policy that a task is to be done by."""
    return RulesPolicy() if task.model is None else ChatPolicy(run, task.model)
