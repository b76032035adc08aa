"""The plugin's GraphQL inputs, and how wallets are named."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

import strawberry

from skyhook.plugin import InvalidInput
from skyhook_money.amounts import MoneyAmountInput
from skyhook_money.movements import Payment

WEEK_S = 7 * 24 * 3600

WalletName = Annotated[
    str, strawberry.argument(description="One of the organization's wallets, by its id or @handle.")
]
Amount = Annotated[
    MoneyAmountInput | None, strawberry.argument(description="A part of it. Default: all that is left.")
]
Key = Annotated[
    str | None,
    strawberry.argument(description="Once for this key; else that of the header Idempotency-Key."),
]


@strawberry.input(description="A wallet to open.")
class MoneyWalletInput:
    """A wallet to open."""

    handle: str = strawberry.field(
        description="How everybody names it: 3 to 40 lower-case letters, digits and hyphens, such as @shop."
    )
    name: str = strawberry.field(description="1 to 80 characters; those who pay it see it.")
    currency: str = strawberry.field(description="Its code in ISO 4217, such as EUR. It never changes.")


@strawberry.input(description="Money to move.")
class MoneyTransferInput:
    """Money to move."""

    payer: str = strawberry.field(
        name="from", description="One of the organization's wallets, by its id or @handle."
    )
    payee: str = strawberry.field(name="to", description="Anybody's wallet, by its id or @handle.")
    amount: MoneyAmountInput = strawberry.field(description="What to move.")
    memo: str = strawberry.field(default="", description="What it is for; both sides see it.")


@strawberry.input(description="Money to set aside.")
class MoneyHoldInput(MoneyTransferInput):
    """Money to set aside."""

    expires_in: int = strawberry.field(
        default=WEEK_S, description="Seconds, 1 to 2592000 (30 days), after which what remains is free again."
    )


@strawberry.input(description="Money to ask for.")
class MoneyRequestInput:
    """Money to ask for."""

    payer: str = strawberry.field(
        name="from", description="Who is asked: anybody's wallet, by its id or @handle."
    )
    payee: str = strawberry.field(
        name="to", description="One of the organization's wallets, by its id or @handle."
    )
    amount: MoneyAmountInput = strawberry.field(description="What to ask for.")
    memo: str = strawberry.field(default="", description="What it is for; both sides see it.")
    expires_in: int = strawberry.field(
        default=WEEK_S, description="Seconds, 1 to 7776000 (90 days), after which it cannot be accepted."
    )


def payment(given: MoneyTransferInput | MoneyRequestInput) -> Payment:
    """What is to be paid."""
    return Payment(
        named(given.payer, "from"),
        named(given.payee, "to"),
        given.amount.units,
        given.amount.currency,
        given.memo,
    )


def named(wallet: str, field: str) -> str:
    """A wallet's @handle, or the UUID in its id. Raises InvalidInput."""
    if wallet.startswith("@"):
        return wallet
    try:
        kind, id = strawberry.relay.from_base64(wallet)
        if kind == "MoneyWallet":
            return str(UUID(id))
    except ValueError:
        pass
    raise InvalidInput(
        f"{wallet[:60]!r} names no wallet: use its id, or its handle such as @shop.", field=field
    )
