"""An organization's price terms: a discount on the list, and prices of its own in place of the list's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from uuid import UUID

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.errors import PricesRise
from skyhook.billing.models import Discount, Price, PriceOverride
from skyhook.billing.rates import WHOLE, Ladder, changes, ladders_at
from skyhook.clock import new_id
from skyhook.errors import InvalidInput

HIGHEST_PRICE = 10**15
"""Nano-dollars for a unit: a million dollars."""
HIGHEST_QUANTITY = 10**18
"""Units of a meter in a month."""


@dataclass(frozen=True, slots=True)
class PriceChange:
    """A price to be set, of the list or for one organization."""

    meter: str
    model: str | None
    price: int
    """Nano-dollars for each unit."""
    from_quantity: int = 0
    """Units in a month from which on it holds: a tier, where above 0."""
    effective_at: datetime | None = None
    """None: from now on."""
    ends_at: datetime | None = None
    """Of an organization's own price; None: until the next one."""


async def set_discount(session: AsyncSession, organization_id: UUID, basis_points: int) -> None:
    """Takes so many basis points (0 to 10,000) off the list's prices; 0 takes the discount away.

    Server processes learn of it within half a minute. Raises InvalidInput.
    """
    if not 0 <= basis_points <= WHOLE:
        raise InvalidInput("A discount has 0 to 10,000 basis points.", field="basisPoints")
    await session.execute(delete(Discount).where(Discount.organization_id == organization_id))
    if basis_points:
        session.add(Discount(organization_id=organization_id, basis_points=basis_points))
        await session.flush()


async def set_override(
    session: AsyncSession,
    organization_id: UUID,
    meter: str,
    model: str | None,
    price: int,
    effective_at: datetime,
    *,
    ends_at: datetime | None = None,
    from_quantity: int = 0,
) -> UUID:
    """Gives an organization a price in place of the list's for this meter and model; its id.

    In nano-dollars for each unit, from `from_quantity` units in a month on. One of the same time is replaced.
    Server processes charge it within half a minute. Raises InvalidInput, PricesRise.
    """
    check_price(price, from_quantity)
    if ends_at is not None and ends_at <= effective_at:
        raise InvalidInput("A price ends after it begins.", field="endsAt")
    rows = await overrides(session, organization_id, meter, model)
    row = next(
        (row for row in rows if (row.from_quantity, row.effective_at) == (from_quantity, effective_at)), None
    )
    if row is None:
        row = PriceOverride(
            id=new_id(),
            organization_id=organization_id,
            meter=meter,
            model=model or "",
            from_quantity=from_quantity,
            effective_at=effective_at,
        )
        session.add(row)
        rows.append(row)
    row.price, row.ends_at = price, ends_at
    check_ladders(rows, effective_at)
    await session.flush()
    return row.id


async def end_overrides(
    session: AsyncSession, organization_id: UUID, meter: str, model: str | None, at: datetime
) -> int:
    """Ends an organization's own prices of a meter and model, tiers and those to come included; how many."""
    rows = [
        row
        for row in await overrides(session, organization_id, meter, model)
        if row.ends_at is None or row.ends_at > at
    ]
    for row in rows:
        row.ends_at = max(at, row.effective_at)
    await session.flush()
    return len(rows)


async def overrides(
    session: AsyncSession, organization_id: UUID, meter: str, model: str | None
) -> list[PriceOverride]:
    """What an organization had, has and will have as prices of its own, in the order of their dates."""
    query = select(PriceOverride).where(
        PriceOverride.organization_id == organization_id,
        PriceOverride.meter == meter,
        PriceOverride.model == (model or ""),
    )
    return list(await session.scalars(query.order_by(PriceOverride.effective_at)))


def check_price(price: int, from_quantity: int) -> None:
    """Raises InvalidInput for a price, or a tier's quantity, that cannot be."""
    if not 0 <= price <= HIGHEST_PRICE:
        raise InvalidInput(f"A price is 0 to {HIGHEST_PRICE:,} nano-dollars for a unit.", field="price")
    if not 0 <= from_quantity <= HIGHEST_QUANTITY:
        raise InvalidInput(f"A tier begins at 0 to {HIGHEST_QUANTITY:,} units.", field="fromQuantity")


def check_ladders(rows: Sequence[Price] | Sequence[PriceOverride], since: datetime) -> None:
    """Raises PricesRise where prices of one meter and model rise with the quantity, at any time from `since`.

    Raises InvalidInput for a tier without a first price.
    """
    dated: list[Price | PriceOverride] = sorted(rows, key=lambda row: row.effective_at)
    for at in (since, *changes(dated, since)):
        steps = {row.from_quantity for row in dated if _holds(row, at)}
        if steps and 0 not in steps:
            raise InvalidInput(
                f"At {at:%Y-%m-%d %H:%M} UTC there would be tiers without a first price. "
                "Set the price from 0 units on first, for as long as its tiers.",
                field="fromQuantity",
            )
        for ladder in ladders_at(dated, at).values():
            _check_descends(ladder)


def _holds(row: Price | PriceOverride, at: datetime) -> bool:
    return row.effective_at <= at and (row.ends_at is None or at < row.ends_at)


def _check_descends(ladder: Ladder) -> None:
    for (_, before), (start, price) in pairwise(ladder):
        if price > before:
            raise PricesRise(
                f"From {start:,} units on the price would rise from {before} to {price} nano-dollars. "
                "A tier may not cost more than the one before it: set the higher tier's price first.",
                field="price",
            )


async def discounts(session: AsyncSession) -> dict[UUID, int]:
    """Everybody's discount, in basis points."""
    rows: Iterable[Discount] = await session.scalars(select(Discount))
    return {row.organization_id: row.basis_points for row in rows}
