"""The price list: a model's own price comes first, the latest date that has come counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from skyhook.billing import Billing, UnknownMeter
from skyhook.billing.prices import set_price
from skyhook.database import Database
from skyhook.plugins.manifest import Meter, Model

from .conftest import METERS, Clock

LARGE = Model("large", "Large", "bundled", "chat:large", "large", 4096, prices={"chat.tokens": 900})


async def test_a_models_own_price_comes_first(billing: Billing) -> None:
    await billing.seed_prices(METERS, (LARGE,))
    quantities = {"chat.tokens": 3, "chat.images": 1}
    assert billing.prices.cost(quantities, "large", None) == 3 * 900 + 5_000
    for model in ("small", None):
        assert billing.prices.cost(quantities, model, None) == 3 * 100 + 5_000
    with pytest.raises(UnknownMeter):
        billing.prices.cost({"chat.dreams": 1}, "large", None)


async def test_a_manifest_never_replaces_a_price(billing: Billing, other: Billing) -> None:
    await other.seed_prices((Meter("chat.tokens", "Tokens", "token", 1),), ())
    assert other.prices.cost({"chat.tokens": 1}, None, None) == 100


async def test_a_price_counts_from_its_date_on(billing: Billing, clock: Clock, database: Database) -> None:
    async with database.write() as session:
        await set_price(session, "chat.tokens", None, 70, clock() + timedelta(hours=1))
    clock.turn(minutes=30)
    await billing.maintain()
    assert billing.prices.cost({"chat.tokens": 1}, None, None) == 100
    clock.turn(minutes=30)
    assert billing.prices.cost({"chat.tokens": 1}, None, None) == 70
