"""What the plugin refuses; what the ledger refuses comes through with its own codes."""

from __future__ import annotations

from skyhook.plugin import InvalidInput, SkyhookError


class AmountInvalid(InvalidInput):
    """An amount is zero, negative, larger than one movement may be, or finer than its currency."""

    code = "AMOUNT_INVALID"


class CurrencyUnknown(InvalidInput):
    """No currency of ISO 4217 has this code, or it has no smallest unit."""

    code = "CURRENCY_UNKNOWN"


class CurrencyMismatch(InvalidInput):
    """The amount is in another currency than the wallet."""

    code = "CURRENCY_MISMATCH"


class SameWallet(InvalidInput):
    """Money would move from a wallet to itself."""

    code = "SAME_WALLET"


class HandleTaken(SkyhookError):
    """Another wallet has this handle."""

    code = "HANDLE_TAKEN"
    status = 409


class WalletClosed(SkyhookError):
    """A wallet that was closed takes and gives nothing any more."""

    code = "WALLET_CLOSED"
    status = 409


class WalletNotEmpty(SkyhookError):
    """A wallet can be closed only when it has nothing and holds nothing."""

    code = "WALLET_NOT_EMPTY"
    status = 409


class NotRefundable(SkyhookError):
    """A refund, and what an operator issued or redeemed, cannot be given back by a refund."""

    code = "NOT_REFUNDABLE"
    status = 409


class RequestNotOpen(SkyhookError):
    """The request was paid, declined or cancelled, or has expired."""

    code = "REQUEST_NOT_OPEN"
    status = 409
