"""The errors that Stripe answers with."""

from __future__ import annotations

from typing import Any


class StripeAnswersError(Exception):
    """An answer that is an error, as its `error` object and status."""

    def __init__(self, status: int, kind: str, message: str, **fields: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"error": {"type": kind, "message": message, **{k: v for k, v in fields.items() if v}}}


def invalid(message: str, **fields: Any) -> StripeAnswersError:
    """A request that cannot be done as it is."""
    return StripeAnswersError(400, "invalid_request_error", message, **fields)


def missing(kind: str, identifier: str) -> StripeAnswersError:
    """Nothing of that id."""
    return StripeAnswersError(
        404,
        "invalid_request_error",
        f"No such {kind}: '{identifier}'",
        code="resource_missing",
        param="id",
    )


def declined(code: str, decline_code: str | None, message: str, **fields: Any) -> StripeAnswersError:
    """The card was not charged."""
    return StripeAnswersError(402, "card_error", message, code=code, decline_code=decline_code, **fields)
