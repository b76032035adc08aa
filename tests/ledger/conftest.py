"""A small ledger: a bank that may go below zero, and two wallets that may not."""

from __future__ import annotations

from typing import NamedTuple
from uuid import UUID

import pytest

from skyhook.database import Database
from skyhook.ledger.service import Movement, open_account, post


class Accounts(NamedTuple):
    bank: UUID
    anna: UUID
    ben: UUID


@pytest.fixture
async def accounts(database: Database, organization: UUID) -> Accounts:
    """Anna has 100 cents, Ben none."""
    async with database.write() as session:
        accounts = Accounts(
            await open_account(session, None, "bank", "USD/2", floor=None),
            await open_account(session, organization, "wallet", "USD/2", name="anna"),
            await open_account(session, organization, "wallet", "USD/2", name="ben"),
        )
        await post(session, [Movement(accounts.bank, accounts.anna, 100)], reference="start")
    return accounts
