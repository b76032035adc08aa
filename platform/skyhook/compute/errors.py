"""What a call of a function can end in."""

from __future__ import annotations

from skyhook.errors import SkyhookError


class FunctionReported(SkyhookError):
    """The body raised `skyhook.function.FunctionError`: its code and its text come through as they are."""

    def __init__(self, code: str, message: str, retryable: bool) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable


class FunctionFailed(SkyhookError):
    """The body raised, or returned what its annotations do not allow; the cause is in the server's log."""

    code = "FUNCTION_FAILED"
    status = 500

    def __init__(self, reference: str) -> None:
        super().__init__(
            f"The function failed. Its cause is in the server's log under reference {reference}."
        )
        self.reference = reference


class FunctionBadArgument(SkyhookError):
    """The argument does not fit the method's annotations."""

    code = "FUNCTION_BAD_ARGUMENT"


class FunctionTimeout(SkyhookError):
    """The call ran longer than it may."""

    code = "FUNCTION_TIMEOUT"
    status = 504


class FunctionOutOfMemory(SkyhookError):
    """The call, or another one in the same worker, used more memory than the function may."""

    code = "FUNCTION_OUT_OF_MEMORY"
    status = 500
    retryable = True


class FunctionInterrupted(SkyhookError):
    """The worker ended while the call ran: it crashed, was killed, or the server is stopping."""

    code = "FUNCTION_INTERRUPTED"
    status = 503
    retryable = True


class FunctionUnavailable(SkyhookError):
    """The function cannot be started; its last error is in `Compute.status`."""

    code = "FUNCTION_UNAVAILABLE"
    status = 503
    retryable = True


class FunctionBusy(SkyhookError):
    """As many calls wait for the function as may wait."""

    code = "FUNCTION_BUSY"
    status = 503
    retryable = True


class NotAnswered(SkyhookError):
    """The backend could not be asked, or refuses: a detached call that was asked about may go on.

    Each backend has its own, with a code.
    """
