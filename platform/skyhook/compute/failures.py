"""What a call that failed brings to whoever made it, and what of it only the log tells."""

from __future__ import annotations

import logging
import secrets

from skyhook.compute import errors, protocol
from skyhook.errors import SkyhookError

logger = logging.getLogger("skyhook.compute")


def error_of(function: str, failed: protocol.Failed) -> SkyhookError:
    """The caller's error for a function's reply."""
    match failed.kind:
        case "reported":
            return errors.FunctionReported(failed.code, failed.message, failed.retryable)
        case "bad_argument":
            return errors.FunctionBadArgument(f"The function refused its argument: {failed.message}.")
        case "out_of_memory":
            logger.error("%s ran out of memory: %s", function, failed.traceback)
            return errors.FunctionOutOfMemory("The call needed more memory than the function may use.")
        case "stopped":
            return errors.FunctionTimeout("The call ran longer than it may.")
        case "raised":
            return logged(function, failed.traceback)


def logged(function: str, cause: str) -> errors.FunctionFailed:
    """Writes what callers may not see to the log; the error that they get names the entry."""
    reference = secrets.token_hex(6)
    logger.error("%s failed, reference %s: %s", function, reference, cause)
    return errors.FunctionFailed(reference)
