"""The price list: dated prices in the database, read from memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.billing.errors import UnknownMeter
from skyhook.billing.models import Price
from skyhook.clock import new_id
from skyhook.errors import InvalidInput
from skyhook.ledger.service import insert_if_absent
from skyhook.plugins.manifest import Meter, Model

SEEDED_AT = datetime(1970, 1, 1, tzinfo=UTC)
"""The date of a manifest's price: every later one of the operator's own comes before it."""


class PriceList:
    """What is charged now."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._dated: list[Price] = []
        self._prices: dict[tuple[str, str | None], int] = {}
        self._changes_at: datetime | None = None

    async def load(self, session: AsyncSession) -> None:
        """Reads the list anew."""
        self._dated = list(await session.scalars(select(Price).order_by(Price.effective_at)))
        self._apply()

    def current(self) -> dict[tuple[str, str | None], int]:
        """Nano-dollars for each unit now, by meter and model (None: all without a price of their own)."""
        self._refresh()
        return self._prices

    def history(self) -> dict[tuple[str, str | None], list[Price]]:
        """All prices that were, are and will be in force, newest first, by meter and model."""
        found: dict[tuple[str, str | None], list[Price]] = {}
        for price in reversed(self._dated):
            found.setdefault((price.meter, price.model), []).append(price)
        return found

    def cost(self, quantities: Mapping[str, int], model: str | None) -> int:
        """The cost in nano-dollars; raises UnknownMeter, InvalidInput for a negative quantity."""
        return sum(cost for _, cost in self.itemize(quantities, model).values())

    def itemize(self, quantities: Mapping[str, int], model: str | None) -> dict[str, tuple[int, int]]:
        """Each meter's quantity and its cost in nano-dollars; raises as `cost` does."""
        prices = self.current()
        items = {}
        for meter, quantity in quantities.items():
            price = prices.get((meter, model))
            if price is None:
                price = prices.get((meter, None))
            if price is None:
                raise UnknownMeter(
                    f"The price list has no price for {meter!r}. An administrator must add one.", field=meter
                )
            if quantity < 0:
                raise InvalidInput(f"The quantity of {meter!r} cannot be negative.", field=meter)
            items[meter] = (quantity, quantity * price)
        return items

    def _refresh(self) -> None:
        if self._changes_at is not None and self._clock() >= self._changes_at:
            self._apply()

    def _apply(self) -> None:
        now = self._clock()
        current = [price for price in self._dated if price.effective_at <= now]
        self._prices = {(price.meter, price.model): price.price for price in current}
        later = self._dated[len(current) :]
        self._changes_at = later[0].effective_at if later else None


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
    session: AsyncSession, meter: str, model: str | None, price: int, effective_at: datetime
) -> UUID:
    """Adds a price from `effective_at` on. Server processes charge it within half a minute of that."""
    row = Price(id=new_id(), meter=meter, model=model, price=price, effective_at=effective_at)
    session.add(row)
    await session.flush()
    return row.id
