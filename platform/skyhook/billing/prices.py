"""The price list: dated prices and organizations' terms in the database, read from memory."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import chain
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing import rates
from skyhook.billing.funds import month_start
from skyhook.billing.models import Price, PriceOverride
from skyhook.billing.rates import (
    NO_TERMS,
    Ladder,
    PriceKey,
    Rate,
    Terms,
    by_organization,
    changes,
    ladders_at,
    rates_of,
)
from skyhook.billing.terms import check_ladders, check_price, discounts
from skyhook.clock import new_id
from skyhook.ledger.service import insert_if_absent
from skyhook.plugins.manifest import Meter, Model
from skyhook.usage.queries import sums

SEEDED_AT = datetime(1970, 1, 1, tzinfo=UTC)
"""The date of a manifest's price: every later one of the operator's own comes before it."""


class PriceList:
    """What is charged now: the list's prices, and organizations' own terms."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._dated: list[Price] = []
        self._overrides: dict[UUID, list[PriceOverride]] = {}
        self._discounts: dict[UUID, int] = {}
        self._ladders: dict[PriceKey, Ladder] = {}
        self._rates: dict[UUID | None, dict[PriceKey, Rate]] = {}
        """By organization, those that were asked for; None: the list's own."""
        self._tiered: frozenset[str] = frozenset()
        """The meters that have tiers."""
        self._month = month_start(clock())
        self._used: dict[UUID, dict[str, int]] = {}
        """What organizations have used of these in the month, a short while ago."""
        self._changes_at: datetime | None = None

    async def load(self, session: AsyncSession) -> None:
        """Reads prices and terms anew, and what those have used in the month who used anything lately."""
        active = {organization_id for organization_id in self._rates if organization_id is not None}
        dated = list(await session.scalars(select(Price).order_by(Price.effective_at)))
        by_date = select(PriceOverride).order_by(PriceOverride.effective_at)
        overrides = by_organization(await session.scalars(by_date))
        self._discounts = await discounts(session)
        self._dated, self._overrides = dated, overrides
        self._apply()
        await self.learn(session, active)
        active.update(organization_id for organization_id in self._rates if organization_id is not None)
        self._used = {one: used for one, used in self._used.items() if one in active}

    def must_learn(self, organization_id: UUID) -> bool:
        """Whether it takes `learn` to know the tier that an organization has reached."""
        return bool(self._tiered) and organization_id not in self._used

    async def learn(self, session: AsyncSession, organization_ids: Collection[UUID]) -> None:
        """Reads what organizations have used of the meters with tiers in this month."""
        month, tiered = self._month, self._tiered
        if not tiered or not organization_ids:
            return
        used = await sums(session, organization_ids, month, tiered)
        if month != self._month:
            return
        for one in organization_ids:
            self._used[one] = {meter: quantity for meter, (quantity, _) in used.get(one, {}).items()}
            self._rates.pop(one, None)

    def current(self, organization_id: UUID | None) -> Mapping[PriceKey, Rate]:
        """What an organization is charged now, by meter and model (None: all without a price of their own).

        The list's own rates for None.
        """
        if self._changes_at is not None and self._clock() >= self._changes_at:
            self._apply()
        current = self._rates.get(organization_id)
        if current is None:
            terms = NO_TERMS if organization_id is None else self.terms(organization_id)
            used = {} if organization_id is None else self.used(organization_id)
            current = self._rates[organization_id] = rates_of(self._ladders, terms, used)
        return current

    def terms(self, organization_id: UUID) -> Terms:
        """What an organization has of its own now."""
        own = ladders_at(self._overrides.get(organization_id, ()), self._clock())
        return Terms(self._discounts.get(organization_id, 0), own)

    def used(self, organization_id: UUID) -> Mapping[str, int]:
        """What it has used in the month of the meters that have tiers, as far as this process knows."""
        return self._used.get(organization_id, {})

    def ladders(self) -> Mapping[PriceKey, Ladder]:
        """The list's prices now with their tiers, by meter and model."""
        self.current(None)
        return self._ladders

    def history(self) -> dict[PriceKey, list[Price]]:
        """All first prices that were, are and will be in force, newest first, by meter and model."""
        found: dict[PriceKey, list[Price]] = {}
        for price in reversed(self._dated):
            if not price.from_quantity:
                found.setdefault((price.meter, price.model), []).append(price)
        return found

    def cost(self, quantities: Mapping[str, int], model: str | None, organization_id: UUID | None) -> int:
        """What an organization pays, in nano-dollars; raises UnknownMeter, InvalidInput below zero."""
        return sum(cost for _, cost in self.itemize(quantities, model, organization_id).values())

    def most(self, quantities: Mapping[str, int], model: str | None, organization_id: UUID) -> int:
        """What these quantities can cost at most, whichever tier holds by then; raises as `cost` does."""
        return rates.most(self.current(organization_id), quantities, model)

    def itemize(
        self, quantities: Mapping[str, int], model: str | None, organization_id: UUID | None
    ) -> dict[str, tuple[int, int]]:
        """Each meter's quantity and its cost in nano-dollars; raises as `cost` does."""
        return rates.itemize(self.current(organization_id), quantities, model)

    def _apply(self) -> None:
        now = self._clock()
        self._ladders = ladders_at(self._dated, now)
        self._rates = {}
        rows: list[Price | PriceOverride] = list(chain(self._dated, *self._overrides.values()))
        self._tiered = frozenset(row.meter for row in rows if row.from_quantity)
        times = changes(rows, now)
        if self._month != (month := month_start(now)):
            self._month, self._used = month, {}
        if self._tiered:
            times.append(month_start(month + timedelta(days=31)))
        self._changes_at = min(times, default=None)


async def seed(session: AsyncSession, meters: Iterable[Meter], models: Iterable[Model]) -> None:
    """Adds the manifests' prices where the list has none; what is there stays, also across an upgrade."""
    rows: list[tuple[str, str | None, int]] = [(meter.name, None, meter.price) for meter in meters]
    rows += [(meter, model.name, price) for model in models for meter, price in model.prices.items()]
    if rows:
        await session.execute(
            insert_if_absent(session, Price.__table__),
            [
                {"id": new_id(), "meter": meter, "model": model, "price": price, "effective_at": SEEDED_AT}
                for meter, model, price in rows
            ],
        )


async def set_price(
    session: AsyncSession,
    meter: str,
    model: str | None,
    price: int,
    effective_at: datetime,
    *,
    from_quantity: int = 0,
) -> UUID:
    """Adds a price from `effective_at` on, or its tier from so many units in a month on; the row's id.

    One of the same time is replaced. Server processes charge it within half a minute of its time. Raises
    InvalidInput, PricesRise.
    """
    check_price(price, from_quantity)
    query = select(Price).where(Price.meter == meter, Price.model.is_not_distinct_from(model))
    rows = list(await session.scalars(query))
    row = next(
        (row for row in rows if (row.from_quantity, row.effective_at) == (from_quantity, effective_at)), None
    )
    if row is None:
        row = Price(
            id=new_id(), meter=meter, model=model, from_quantity=from_quantity, effective_at=effective_at
        )
        session.add(row)
        rows.append(row)
    row.price = price
    check_ladders(rows, effective_at)
    await session.flush()
    return row.id
