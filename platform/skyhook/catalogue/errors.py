"""Errors of the catalogue."""

from skyhook.errors import Forbidden, NotFound, SkyhookError


class ModelNotFound(NotFound):
    """No such model is in the catalogue."""

    code = "MODEL_NOT_FOUND"


class ModelExists(SkyhookError):
    """A model of this name is in the catalogue."""

    code = "MODEL_EXISTS"


class ModelUnusable(SkyhookError):
    """What the repository holds is no model of a known kind, or none that can be used without its code."""

    code = "MODEL_UNUSABLE"


class HubNotFound(NotFound):
    """The hub has no such repository or revision, or does not show it to this token."""

    code = "HUB_NOT_FOUND"


class HubForbidden(Forbidden):
    """The hub does not let this token have the repository."""

    code = "HUB_FORBIDDEN"


class HubUnavailable(SkyhookError):
    """The hub cannot be reached, or sends something else than it promised."""

    code = "HUB_UNAVAILABLE"
    status = 503
    retryable = True


class WeightsNotStored(SkyhookError):
    """The weights cannot be written to the data folder, or not removed from it."""

    code = "WEIGHTS_NOT_STORED"
    status = 507


class WeightsBusy(SkyhookError):
    """Another process is pulling or removing the same weights."""

    code = "WEIGHTS_BUSY"
    status = 409
    retryable = True


class ModelChanged(SkyhookError):
    """The model that a candidate was compared with is not the published one any more."""

    code = "MODEL_CHANGED"
    status = 409
