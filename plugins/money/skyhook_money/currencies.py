"""Currencies by ISO 4217, and amounts as people write them. An asset is a code and its scale: `EUR/2`."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from iso4217 import Currency

from skyhook_money.errors import AmountInvalid, CurrencyMismatch, CurrencyUnknown

LARGEST = 10**15
"""The most units of one movement: a wallet's 64 bits have room for thousands of them."""

_SCALES = {currency.code: currency.exponent for currency in Currency}


def asset_of(code: str, field: str | None = None) -> str:
    """The asset of a currency. Raises CurrencyUnknown, also for metals and test codes, which have no unit."""
    scale = _SCALES.get(code)
    if scale is None:
        raise CurrencyUnknown(
            f"{code[:20]!r} is no currency of ISO 4217 with a smallest unit. Use one such as EUR or JPY.",
            field=field,
        )
    return f"{code}/{scale}"


def code_of(asset: str) -> str:
    """The currency's code: `EUR`."""
    return asset.partition("/")[0]


def scale_of(asset: str) -> int:
    """How many decimals the currency has: 2 for EUR, 0 for JPY."""
    return int(asset.partition("/")[2])


def in_words(units: int, asset: str) -> str:
    """The amount as people write it, exactly: `12.50`."""
    return f"{Decimal(units).scaleb(-scale_of(asset)):.{scale_of(asset)}f}"


def from_words(text: str, asset: str) -> int:
    """The units of an amount such as `12.50`, exactly. Raises AmountInvalid."""
    try:
        units = Decimal(text).scaleb(scale_of(asset))
        if units == units.to_integral_value():
            return check_units(int(units), None)
    except (InvalidOperation, ValueError, OverflowError):
        pass
    raise AmountInvalid(
        f"{text!r} is not an amount of {code_of(asset)}, which has {scale_of(asset)} decimals."
    )


def check_units(units: int, field: str | None) -> int:
    """The units, where they can be moved. Raises AmountInvalid."""
    if not 0 < units <= LARGEST:
        raise AmountInvalid(
            f"An amount is at least 1 and at most {LARGEST} of the currency's smallest unit.", field=field
        )
    return units


def check_currency(code: str, asset: str) -> None:
    """Raises CurrencyUnknown, or CurrencyMismatch where the wallet has another one."""
    if asset_of(code, "currency") != asset:
        raise CurrencyMismatch(
            f"The wallet is in {code_of(asset)}, the amount in {code}. Send {code_of(asset)}.",
            field="currency",
        )
