"""Amounts in GraphQL: an integer and its currency, never a float."""

from __future__ import annotations

from typing import cast

import strawberry

from skyhook.plugin import BigInt
from skyhook_money.currencies import code_of, in_words, scale_of


@strawberry.type(description="An amount of a currency, exactly.")
class MoneyAmount:
    """An amount."""

    units: BigInt = strawberry.field(description="In the currency's smallest unit: 1250 are 12.50 EUR.")
    currency: str = strawberry.field(description="Its code in ISO 4217, such as EUR.")
    scale: int = strawberry.field(description="How many decimals the currency has: 2 for EUR, 0 for JPY.")
    text: str = strawberry.field(description="The amount as people write it, such as 12.50.")

    @classmethod
    def of(cls, units: int, asset: str) -> MoneyAmount:
        """The GraphQL form of `units` of an asset such as `EUR/2`."""
        return cls(
            units=cast("BigInt", units),
            currency=code_of(asset),
            scale=scale_of(asset),
            text=in_words(units, asset),
        )


@strawberry.input(description="An amount of a currency.")
class MoneyAmountInput:
    """An amount that a caller names."""

    units: BigInt = strawberry.field(
        description="In the currency's smallest unit, 1 to 10^15: 1250 are 12.50 EUR."
    )
    currency: str = strawberry.field(description="Its code in ISO 4217; it must be that of the wallets.")
