"""Two servers behind one PostgreSQL move money as one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from banking import Bank
from rushing import TRANSFERS, all_transfers, facts, prepared, transfer
from tests.serving import Server

from tests.conftest import Cluster

Pair: TypeAlias = tuple[Bank, Bank, tuple[str, str]]


@pytest.fixture(scope="module")
def pair(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    """The organization by each of two servers, and two wallets that have enough."""
    cluster.sql("CREATE DATABASE money_servers TEMPLATE template_skyhook")
    folder: Path = tmp_path_factory.mktemp("servers")
    first, second = (Server(folder, cluster.url("money_servers")) for _ in range(2))
    first.command("init")
    bank, wallets = prepared(first)
    second.start()
    yield bank, Bank(second, second.key), wallets
    first.stop()
    second.stop()


async def test_the_same_keys_on_both_in_both_directions_move_once(pair: Pair) -> None:
    here, there, wallets = pair
    answers = await all_transfers([here.server, there.server], wallets)
    assert answers[0::2] == answers[1::2], "one key moved twice"
    assert len(set(answers)) == TRANSFERS
    assert [there.balance(wallet) for wallet in wallets] == [(10_000, 0), (10_000, 0)]
    found = await facts(here.server.variables()["SKYHOOK_DATABASE_URL"])
    assert (found["moved"], found["sum"], found["below"]) == (TRANSFERS, 0, 0)
    filled = 2
    assert found["charged"] == TRANSFERS + filled


async def test_both_together_spend_what_is_there_and_no_more(pair: Pair) -> None:
    here, there, wallets = pair
    scarce = here.open(units=10)
    spent = await asyncio.gather(
        *(
            transfer(bank.server, f"spend {number} {bank.server.port}", scarce, wallets[0], 1)
            for number in range(20)
            for bank in (here, there)
        )
    )
    assert spent.count("INSUFFICIENT_FUNDS") == 30
    assert here.balance(scarce) == (0, 0)
    found = await facts(here.server.variables()["SKYHOOK_DATABASE_URL"])
    assert (found["sum"], found["below"]) == (0, 0)


def test_activity_tells_of_what_another_server_moved(pair: Pair) -> None:
    here, there, _ = pair
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
