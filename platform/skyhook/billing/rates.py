"""Rates: what one unit costs now, made of dated prices, tiers and an organization's own terms.

A ladder is the prices of one meter and model at one time, each with the quantity that it holds from. It
descends, so that what is held at its first price is always enough.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from skyhook.billing.errors import UnknownMeter
from skyhook.billing.models import Price, PriceOverride
from skyhook.errors import InvalidInput, SkyhookError

WHOLE = 10_000
"""Basis points of a price without a discount."""

PriceKey = tuple[str, str | None]
"""A meter, and a model or None for all that have no price of their own."""
Ladder = tuple[tuple[int, int], ...]
"""(units in the month, nano-dollars for each unit), the first from 0 on."""


class Rate(NamedTuple):
    """What a call is charged for each unit of a meter."""

    price: int
    """Nano-dollars for each unit, of the tier that holds now."""
    first: int
    """Of the first tier: what a hold reckons with."""
    share: int
    """Of the price, in basis points: what a discount leaves."""


class Terms(NamedTuple):
    """What an organization has of its own."""

    discount: int
    """Basis points off the list's prices."""
    ladders: Mapping[PriceKey, Ladder]
    """Of its overrides, which no discount is taken off."""


NO_TERMS = Terms(0, {})


class Offer(NamedTuple):
    """What an organization pays for one meter and model, beside what the list says."""

    meter: str
    model: str | None
    listed: Ladder
    """The list's price of this model, or of all where it has none for it."""
    own: Ladder | None
    """The organization's price in place of it."""
    discount: int
    """Basis points off the list's; 0 with a price of its own."""
    rate: Rate


def offers_of(
    ladders: Mapping[PriceKey, Ladder], terms: Terms, rates: Mapping[PriceKey, Rate]
) -> list[Offer]:
    """Every price that an organization has, by meter and model, those of all models first."""
    keys = sorted(rates, key=lambda key: (key[0], key[1] or ""))
    return [
        Offer(
            *key,
            listed=ladders[key] if key in ladders else ladders[key[0], None],
            own=terms.ladders.get(key),
            discount=WHOLE - rates[key].share,
            rate=rates[key],
        )
        for key in keys
    ]


def ladders_at(rows: Iterable[Price | PriceOverride], at: datetime) -> dict[PriceKey, Ladder]:
    """The ladders in force at a time. `rows` come in the order of their dates: the last that holds counts."""
    steps: dict[PriceKey, dict[int, int]] = {}
    for row in rows:
        if row.effective_at <= at and (row.ends_at is None or at < row.ends_at):
            steps.setdefault((row.meter, row.model or None), {})[row.from_quantity] = row.price
    return {key: tuple(sorted(step.items())) for key, step in steps.items() if 0 in step}


def price_from(ladder: Ladder, quantity: int) -> int:
    """The price of the tier that so many units in the month have reached."""
    return next(price for start, price in reversed(ladder) if start <= quantity)


def rates_of(
    ladders: Mapping[PriceKey, Ladder], terms: Terms, used: Mapping[str, int]
) -> dict[PriceKey, Rate]:
    """What an organization is charged that has used so much of the meters in the month."""
    rates = {key: _rate(key, ladder, used, WHOLE - terms.discount) for key, ladder in ladders.items()}
    rates.update((key, _rate(key, ladder, used, WHOLE)) for key, ladder in terms.ladders.items())
    return rates


def itemize(
    rates: Mapping[PriceKey, Rate], quantities: Mapping[str, int], model: str | None
) -> dict[str, tuple[int, int]]:
    """Each meter's quantity and its cost in nano-dollars. Raises UnknownMeter, InvalidInput below zero.

    A cost is rounded down, once for a meter of a call: in the customer's favour.
    """
    items = {}
    for meter, quantity in quantities.items():
        rate = rates.get((meter, model)) or rates.get((meter, None))
        if rate is None or quantity < 0:
            raise _refusal(meter, rate)
        price, _, share = rate
        items[meter] = (quantity, quantity * price * share // WHOLE)
    return items


def most(rates: Mapping[PriceKey, Rate], quantities: Mapping[str, int], model: str | None) -> int:
    """What these quantities can cost at most, whichever tier holds; raises as `itemize` does."""
    total = 0
    for meter, quantity in quantities.items():
        rate = rates.get((meter, model)) or rates.get((meter, None))
        if rate is None or quantity < 0:
            raise _refusal(meter, rate)
        _, first, share = rate
        total += quantity * first * share // WHOLE
    return total


def changes(rows: Iterable[Price | PriceOverride], after: datetime) -> list[datetime]:
    """The times to come at which a price begins or ends, in their order."""
    times = {time for row in rows for time in (row.effective_at, row.ends_at) if time is not None}
    return sorted(time for time in times if time > after)


def by_organization(overrides: Iterable[PriceOverride]) -> dict[UUID, list[PriceOverride]]:
    """Each organization's overrides, in the order in which they come."""
    found: dict[UUID, list[PriceOverride]] = {}
    for override in overrides:
        found.setdefault(override.organization_id, []).append(override)
    return found


def _rate(key: PriceKey, ladder: Ladder, used: Mapping[str, int], share: int) -> Rate:
    return Rate(price_from(ladder, used.get(key[0], 0)), ladder[0][1], share)


def _refusal(meter: str, rate: Rate | None) -> SkyhookError:
    if rate is None:
        return UnknownMeter(
            f"The price list has no price for {meter!r}. An administrator must add one.", field=meter
        )
    return InvalidInput(f"The quantity of {meter!r} cannot be negative.", field=meter)
