"""The server is killed with -9 in the middle of transfers: each key moves once, and is charged once."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from pathlib import Path

from rushing import TRANSFERS, all_transfers, facts, prepared
from tests.serving import Server


async def test_a_transfer_moves_once_across_kill_and_retry(
    new_database_url: Callable[[], str], tmp_path: Path
) -> None:
    server = Server(tmp_path, database_url=new_database_url())
    server.command("init")
    bank, wallets = await asyncio.to_thread(prepared, server)
    at_kill = await all_transfers([server], wallets, kill_after=20 + secrets.randbelow(TRANSFERS - 70))
    acknowledged = {number: id for number, id in enumerate(at_kill) if id}
    assert 0 < len(acknowledged) < TRANSFERS, "the kill did not come in the middle"
    moved_at_kill = (await facts(server.variables()["SKYHOOK_DATABASE_URL"]))["moved"]
    assert moved_at_kill >= len(acknowledged), "a transfer was acknowledged and lost"

    await asyncio.to_thread(server.start)
    answers = await all_transfers([server], wallets)
    balances = [bank.balance(wallet) for wallet in wallets]
    server.stop()
    for number, id in acknowledged.items():
        assert answers[number] == id, "a retry moved again, or was refused"
    assert len(set(answers)) == TRANSFERS
    assert None not in answers
    assert balances == [(10_000, 0), (10_000, 0)]
    found = await facts(server.variables()["SKYHOOK_DATABASE_URL"])
    assert (found["moved"], found["sum"], found["below"]) == (TRANSFERS, 0, 0)
    filled = 2  # transfers that filled the wallets
    assert found["charged"] == found["events"] == TRANSFERS + filled
    print(f"killed with {len(acknowledged)} acknowledged, {moved_at_kill} moved, of {TRANSFERS}")
