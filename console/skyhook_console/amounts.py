"""Amounts that somebody typed."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation

from skyhook.errors import InvalidInput


def cents_of(form: Mapping[str, str], name: str) -> int:
    """An amount of dollars, such as 20 or 12.50, in cents. Raises InvalidInput, which names the field."""
    text = form.get(name, "").strip().removeprefix("$").replace(",", "")
    try:
        cents = Decimal(text) * 100
    except InvalidOperation:
        raise InvalidInput("Type an amount in dollars, such as 20 or 12.50.", field=name) from None
    if not cents.is_finite() or cents != cents.to_integral_value() or abs(cents) > 10**12:
        raise InvalidInput("An amount has dollars and at most two decimals.", field=name)
    return int(cents)
