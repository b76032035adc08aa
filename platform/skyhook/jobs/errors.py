"""What jobs refuse."""

from __future__ import annotations

from skyhook.errors import NotFound, SkyhookError


class JobNotFound(NotFound):
    """There never was such a job in this organization."""

    code = "JOB_NOT_FOUND"


class JobEnded(SkyhookError):
    """The job has ended already, so that there is nothing to cancel."""

    code = "JOB_ENDED"
    status = 409


class JobNotEnded(SkyhookError):
    """The job is still queued or running, so that there is nothing to repeat."""

    code = "JOB_NOT_ENDED"
    status = 409


class JobGaveUp(SkyhookError):
    """The job was begun too often: each time the process that ran it died."""

    code = "JOB_GAVE_UP"
    status = 500
