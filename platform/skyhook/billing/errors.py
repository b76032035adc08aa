"""What billing refuses."""

from __future__ import annotations

from skyhook.billing.funds import Fund
from skyhook.errors import SkyhookError


class InsufficientCredit(SkyhookError):
    """The organization's credit does not cover the call."""

    code = "INSUFFICIENT_CREDIT"
    status = 402


class BudgetExceeded(SkyhookError):
    """The key's monthly budget does not cover the call."""

    code = "BUDGET_EXCEEDED"
    status = 402


class UnknownMeter(SkyhookError):
    """The price list has no price for a meter."""

    code = "UNKNOWN_METER"
    status = 500


class PricesRise(SkyhookError):
    """A tier would cost more than the one before it."""

    code = "PRICES_RISE"


class IdempotencyKeyReused(SkyhookError):
    """The idempotency key belongs to another request."""

    code = "IDEMPOTENCY_KEY_REUSED"
    status = 409


def refusal(fund: Fund, amount: int, left: int) -> InsufficientCredit | BudgetExceeded:
    """The error of a fund that has `left` where a call needs `amount`, both in nano-dollars."""
    may_cost, remains = dollars(amount), dollars(left)
    if fund.key_id is None:
        return InsufficientCredit(
            f"This call may cost up to {may_cost} and {remains} of credit is available. "
            "Add credit, or ask for less, such as fewer output tokens."
        )
    return BudgetExceeded(
        f"This call may cost up to {may_cost} and {remains} of this key's budget for {fund.month} is left. "
        "Raise the key's budget, or ask for less, such as fewer output tokens."
    )


def dollars(amount: int) -> str:
    """Nano-dollars as people read them: at least cents, and as many places as needed."""
    whole, nano = divmod(amount, 10**9)
    places = f"{nano:09}".rstrip("0").ljust(2, "0")
    return f"${whole}.{places}"
