"""The one error that people see: a stable code and a sentence that says what to do."""

from __future__ import annotations

from typing import Any


class SkyhookError(Exception):
    """An error that is safe to show to a caller.

    Domains subclass it in their own `errors.py`, one class a code. Everything else that is raised
    reaches the caller as `INTERNAL_ERROR` with a reference, never with its own text.
    """

    code: str = "INTERNAL_ERROR"
    """UPPER_SNAKE, stable, documented in docs/errors.md."""
    status: int = 400
    """The HTTP status where the whole request is refused."""
    retryable: bool = False

    def __init__(self, message: str, *, field: str | None = None, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    def extensions(self) -> dict[str, Any]:
        """The GraphQL error's `extensions`."""
        extensions: dict[str, Any] = {"code": self.code, "retryable": self.retryable}
        if self.retry_after_s is not None:
            extensions["retryAfter"] = self.retry_after_s
        if self.field is not None:
            extensions["field"] = self.field
        return extensions


class InvalidInput(SkyhookError):
    """A value of the request is wrong; `field` names it."""

    code = "INVALID_INPUT"


class NotFound(SkyhookError):
    """What was asked for does not exist, or belongs to somebody else."""

    code = "NOT_FOUND"
    status = 404


class Unauthenticated(SkyhookError):
    """The request carries neither a key nor a session."""

    code = "UNAUTHENTICATED"
    status = 401


class Forbidden(SkyhookError):
    """The caller is known but may not do this."""

    code = "FORBIDDEN"
    status = 403
