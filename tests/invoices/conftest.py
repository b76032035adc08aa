"""Billing documents over both databases; rounds of upkeep run only when a test says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest

from skyhook.billing import Billing, Payer, Served
from skyhook.clock import first_id, new_id
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.invoices import Invoices
from skyhook.operations.caller import Caller
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Meter

METERS = (Meter("chat.tokens", "Tokens", "token", 100), Meter("chat.images", "Images", "image", 5_000_001))
START = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)


class Clock:
    """A clock that stands until it is turned; ids are made at its time too."""

    def __init__(self) -> None:
        self.time = START
        self._made = 0

    def __call__(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)

    def new_id(self) -> UUID:
        """A UUIDv7 of this clock's time."""
        self._made += 1
        return UUID(int=first_id(self.time).int | 7 << 76 | 2 << 62 | self._made)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The time of everything that is charged, in the rows and in their ids."""
    clock = Clock()
    for module in ("billing.settlement", "billing.reservations", "ledger.service"):
        monkeypatch.setattr(f"skyhook.{module}.new_id", clock.new_id)
    monkeypatch.setattr("skyhook.ledger.service.now", clock)
    return clock


class Meters(PluginHost):
    """A host of which only meters are asked."""

    @property
    def meters(self) -> tuple[Meter, ...]:
        return METERS


def configuration(tmp_path: Path) -> Configuration:
    return Configuration(
        data=tmp_path, port=8000, host="127.0.0.1", database_url="sqlite://", seller_name="Skyhook GmbH",
        seller_address=("Torstraße 1", "10119 Berlin"), seller_tax_id="DE123456789",
    )  # fmt: skip


@pytest.fixture
def invoices(database: Database, tmp_path: Path, clock: Clock) -> Invoices:
    return Invoices(database, configuration(tmp_path), Meters(), clock=clock)


@pytest.fixture
def caller(organization: UUID) -> Caller:
    return Caller(organization, None, None, frozenset({"*"}))


async def call(
    billing: Billing,
    organization: UUID,
    clock: Callable[[], datetime],
    tokens: int,
    *,
    images: int = 0,
    took: timedelta = timedelta(),
    model: str = "small",
) -> int:
    """A call that began `took` ago and ends now; its cost."""
    quantities = {"chat.tokens": tokens, "chat.images": images}
    payer = Payer(organization, new_id(), None, None)
    hold = await billing.hold(payer, quantities, model)
    receipt = await billing.settle(
        Served(
            payer=payer, hold=hold, plugin="chat", operation="chatComplete", model=model,
            quantities=quantities, outcome="completed", started_at=clock() - took,
            duration_ms=int(took.total_seconds() * 1000), idempotency=None,
        )
    )  # fmt: skip
    return receipt.cost
