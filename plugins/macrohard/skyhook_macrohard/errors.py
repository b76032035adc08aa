"""What the plugin refuses by itself; what its function refuses comes through with its codes."""

from __future__ import annotations

from skyhook.plugin import NotFound, SkyhookError
from skyhook_functions.macrohard.messages import Outcome


class SiteNotAllowed(SkyhookError):
    """The task would begin at a site that is not on its list."""

    code = "SITE_NOT_ALLOWED"


class AddressNotAllowed(SkyhookError):
    """The task would begin at a private address."""

    code = "ADDRESS_NOT_ALLOWED"


class PageUnreachable(SkyhookError):
    """The page that the task begins with cannot be loaded."""

    code = "PAGE_UNREACHABLE"


class TaskNotFound(NotFound):
    """This organization never had such a task."""

    code = "TASK_NOT_FOUND"


class TaskEnded(SkyhookError):
    """The task has ended, so that nobody can take part in it any more."""

    code = "TASK_ENDED"
    status = 409


class AgentInControl(SkyhookError):
    """Only who has taken a task over can act in it."""

    code = "AGENT_IN_CONTROL"
    status = 409


class ActionNotTaken(SkyhookError):
    """The running task did not get to a person's action in time."""

    code = "ACTION_NOT_TAKEN"
    status = 503
    retryable = True


def start_refused(outcome: Outcome) -> SkyhookError:
    """The error of a task whose first page did not come."""
    kinds: dict[str | None, type[SkyhookError]] = {
        kind.code: kind for kind in (SiteNotAllowed, AddressNotAllowed)
    }
    return kinds.get(outcome.code, PageUnreachable)(outcome.message, field="url")
