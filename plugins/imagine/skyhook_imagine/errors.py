"""What the plugin refuses by itself; what its functions refuse comes through with their codes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from skyhook.function import FunctionError
from skyhook.plugin import FunctionReported, NotFound, SkyhookError


class ContentRefused(SkyhookError):
    """The server's content policy does not allow what is asked for."""

    code = "CONTENT_REFUSED"


class ArtifactUnfit(SkyhookError):
    """The artifact is no picture, or no video that this plugin has made."""

    code = "ARTIFACT_UNFIT"


class LiveSessionNotFound(NotFound):
    """The live session has ended, or never was in this organization."""

    code = "LIVE_SESSION_NOT_FOUND"


@contextmanager
def functions_errors() -> Iterator[None]:
    """Shows the errors of a function's helpers that run in the server as those of a call are shown."""
    try:
        yield
    except FunctionError as error:
        raise FunctionReported(error.code, error.message, error.retryable) from error
