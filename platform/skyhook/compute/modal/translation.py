"""Modal's errors as those of this platform."""

from __future__ import annotations

import logging

from modal import exception

from skyhook.compute import errors
from skyhook.compute.modal.errors import (
    ModalNotDeployed,
    ModalQuotaExceeded,
    ModalUnauthorized,
    ModalUnreachable,
)
from skyhook.errors import SkyhookError

logger = logging.getLogger("skyhook.compute")


def translated(error: Exception, what: str) -> SkyhookError:
    """The typed error for what Modal's client raised while it did something for `what`, such as a function."""
    match error:
        case SkyhookError():
            return error
        case exception.AuthError() | exception.PermissionDeniedError():
            return ModalUnauthorized(
                "Modal refuses the server's token: an operator sets MODAL_TOKEN_ID and MODAL_TOKEN_SECRET "
                "to a token of the workspace."
            )
        case exception.NotFoundError():
            return ModalNotDeployed(
                f"{what} is not deployed on Modal: an operator runs `skyhook functions deploy`."
            )
        case exception.ResourceExhaustedError():
            logger.error("Modal takes no call of %s: %s", what, error)
            return ModalQuotaExceeded(
                "Modal takes no more calls now, for a limit of its workspace. Try again later.",
                retry_after_s=10.0,
            )
        case exception.FunctionTimeoutError():
            return errors.FunctionTimeout("The call ran longer than it may.")
        case exception.InternalFailure() | exception.OutputExpiredError():
            logger.error("%s was interrupted: %s", what, error)
            return errors.FunctionInterrupted("The function's container ended during the call. Try again.")
        case exception.RemoteError() if "memory" in str(error):
            return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
        case exception.RemoteError():
            logger.error("%s was interrupted: %s", what, error)
            return errors.FunctionInterrupted("The call was ended on Modal. Try again.")
        case exception.ConnectionError() | exception.ServiceError() | exception.InternalError() | OSError():
            logger.error("Modal does not answer for %s: %s", what, error)
            return ModalUnreachable("Modal does not answer. Try again later.", retry_after_s=5.0)
        case _:
            # What a container raises while it loads comes as it is, whatever its type.
            logger.error("%s cannot start: %s: %s", what, type(error).__name__, error)
            return errors.FunctionUnavailable(
                "The function cannot start; its operator finds the cause in its status. Try again later.",
                retry_after_s=5.0,
            )
