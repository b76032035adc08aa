"""Errors of trainings."""

from __future__ import annotations

from skyhook.errors import NotFound, SkyhookError


class TrainingNotFound(NotFound):
    """No plugin can have a model of this name trained."""

    code = "TRAINING_NOT_FOUND"


class TrainingBusy(SkyhookError):
    """Another process on this machine is at the same training."""

    code = "TRAINING_BUSY"
    status = 409
    retryable = True


class TrainingElsewhere(SkyhookError):
    """The run that is to go on has its checkpoints where this command does not run functions."""

    code = "TRAINING_ELSEWHERE"
    status = 409


class TrainingStuck(SkyhookError):
    """The training was interrupted again and again without getting any further."""

    code = "TRAINING_STUCK"
    status = 503
