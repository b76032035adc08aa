"""Errors of the catalogue."""

from skyhook.errors import NotFound, SkyhookError


class ModelNotFound(NotFound):
    """No such model is in the catalogue."""

    code = "MODEL_NOT_FOUND"


class ModelExists(SkyhookError):
    """A model of this name is in the catalogue."""

    code = "MODEL_EXISTS"
