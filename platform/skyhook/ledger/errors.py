"""What the ledger refuses."""

from __future__ import annotations

from skyhook.errors import SkyhookError


class InsufficientFunds(SkyhookError):
    """An account would fall below its floor."""

    code = "INSUFFICIENT_FUNDS"
    status = 402


class TransferKeyReused(SkyhookError):
    """An idempotency key already names a transfer with other content."""

    code = "TRANSFER_KEY_REUSED"
    status = 409


class ReversalExceeds(SkyhookError):
    """A reversal would give back more than was moved."""

    code = "REVERSAL_EXCEEDS"
    status = 409


class HoldNotOpen(SkyhookError):
    """The hold is captured, released or expired, or less of it remains than was asked for."""

    code = "HOLD_NOT_OPEN"
    status = 409
