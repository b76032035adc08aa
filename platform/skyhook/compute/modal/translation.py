"""Modal's errors as those of this platform."""

from __future__ import annotations

import logging
from collections.abc import Callable

from modal import exception

from skyhook.compute import errors
from skyhook.compute.modal.errors import (
    ContainerFailed,
    ModalNotDeployed,
    ModalQuotaExceeded,
    ModalUnauthorized,
    ModalUnreachable,
)
from skyhook.errors import SkyhookError

UNREACHABLE = (exception.ConnectionError, exception.ServiceError, exception.InternalError, OSError)
"""What the client raises where Modal does not answer, or not as it should."""
logger = logging.getLogger("skyhook.compute")


def translated(error: Exception, what: str) -> SkyhookError:
    """The typed error for what Modal's client raised while it worked for `what`, such as a function."""
    if isinstance(error, SkyhookError):
        return error
    if not isinstance(error, exception.NotFoundError):  # of which the message says all
        logger.error("%s on Modal: %s: %s", what, type(error).__name__, error)
    if isinstance(error, exception.RemoteError) and "memory" in str(error):
        return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
    for kinds, make in _KNOWN:
        if isinstance(error, kinds):
            return make(what)
    return _unavailable(what)


def _unavailable(what: str) -> SkyhookError:
    return errors.FunctionUnavailable(
        "The function cannot start; its operator finds the cause in its status. Try again later.",
        retry_after_s=5.0,
    )


def _unauthorized(what: str) -> SkyhookError:
    return ModalUnauthorized(
        "Modal refuses the server's token: an operator sets MODAL_TOKEN_ID and MODAL_TOKEN_SECRET, or runs "
        "`modal setup`."
    )


def _not_deployed(what: str) -> SkyhookError:
    return ModalNotDeployed(f"{what} is not deployed on Modal: an operator runs `skyhook functions deploy`.")


def _quota_exceeded(what: str) -> SkyhookError:
    return ModalQuotaExceeded(
        "Modal takes no more calls now, for a limit of its workspace. Try again later.", retry_after_s=10.0
    )


def _timeout(what: str) -> SkyhookError:
    return errors.FunctionTimeout("The call ran longer than it may.")


def _interrupted(what: str) -> SkyhookError:
    return errors.FunctionInterrupted("The function's container ended during the call. Try again.")


def _unreachable(what: str) -> SkyhookError:
    return ModalUnreachable.now()


_KNOWN: tuple[tuple[tuple[type[Exception], ...], Callable[[str], SkyhookError]], ...] = (
    ((ContainerFailed,), _unavailable),
    ((exception.AuthError, exception.PermissionDeniedError), _unauthorized),
    ((exception.NotFoundError,), _not_deployed),
    ((exception.ResourceExhaustedError,), _quota_exceeded),
    ((exception.FunctionTimeoutError, exception.ExecTimeoutError), _timeout),
    ((exception.InternalFailure, exception.OutputExpiredError, exception.RemoteError), _interrupted),
    (UNREACHABLE, _unreachable),
)
