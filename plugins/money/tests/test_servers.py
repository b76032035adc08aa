"""Activity comes from whichever server wrote it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from banking import Bank, treasurer
from tests.serving import Server


def test_activity_tells_of_what_another_server_moved(
    postgresql_url: Callable[[], str], tmp_path: Path
) -> None:
    first, second = (Server(tmp_path, database_url=url) for url in [postgresql_url()] * 2)
    first.prepare()
    first.start()
    second.start()
    try:
        here = treasurer(first)
        there = Bank(second, second.key)
        wallet = here.open(units=100)
        events = there.events(
            "subscription ($wallet: String) { moneyActivity(wallet: $wallet) { number amount { units } } }",
            wallet=wallet,
        )
        next(events)
        here.pay(wallet, "@treasury", 7)
        here.pay(wallet, "@treasury", 8)
        seen = [next(events)["data"]["moneyActivity"] for _ in range(2)]
        assert [(entry["number"], entry["amount"]["units"]) for entry in seen] == [(2, "-7"), (3, "-8")]
    finally:
        first.stop()
        second.stop()
