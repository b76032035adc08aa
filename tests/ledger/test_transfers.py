"""Transfers: all or nothing, once for each key, reversed at most once; the database refuses the rest."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import Uuid, bindparam, text
from sqlalchemy.exc import IntegrityError

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger import audit
from skyhook.ledger.errors import InsufficientFunds, ReversalExceeds, TransferKeyReused
from skyhook.ledger.holds import hold, release
from skyhook.ledger.service import Movement, balance, open_account, post, reverse, totals

from .conftest import Accounts


async def balances(database: Database, accounts: Accounts) -> tuple[int, int, int]:
    async with database.read() as session:
        assert await audit.verify(session) == []
        assert set((await totals(session)).values()) <= {0}
        bank, anna, ben = [(await balance(session, account))[0] for account in accounts]
    return bank, anna, ben


async def test_a_transfer_moves_all_of_it_or_nothing(database: Database, accounts: Accounts) -> None:
    async with database.write() as session:
        await post(session, [Movement(accounts.anna, accounts.ben, 30)], reference="lunch")
        with pytest.raises(InsufficientFunds):
            await post(
                session,
                [Movement(accounts.anna, accounts.ben, 20), Movement(accounts.anna, accounts.bank, 51)],
                reference="too much",
            )
    assert await balances(database, accounts) == (-100, 70, 30)


async def test_one_key_is_one_transfer(database: Database, accounts: Accounts) -> None:
    movements = [Movement(accounts.anna, accounts.ben, 10), Movement(accounts.anna, accounts.bank, 1)]

    async def pay() -> object:
        async with database.write() as session:
            return await post(session, movements, reference="lunch", key="k")

    assert len({await pay(), *await asyncio.gather(pay(), pay(), pay())}) == 1
    assert await balances(database, accounts) == (-99, 89, 10)
    for other, reference in ((movements[:1], "lunch"), (movements[::-1], "lunch"), (movements, "dinner")):
        async with database.write() as session:
            with pytest.raises(TransferKeyReused):
                await post(session, other, reference=reference, key="k")


async def test_concurrent_transfers_in_both_directions(database: Database, accounts: Accounts) -> None:
    async def pay(debit: object, credit: object) -> None:
        async with database.write() as session:
            await post(session, [Movement(debit, credit, 1)], reference="ping")  # type: ignore[arg-type]

    async with database.write() as session:
        await post(session, [Movement(accounts.anna, accounts.ben, 50)], reference="half")
    there = [pay(accounts.anna, accounts.ben) for _ in range(20)]
    back = [pay(accounts.ben, accounts.anna) for _ in range(20)]
    await asyncio.gather(*there, *back)
    assert await balances(database, accounts) == (-100, 50, 50)


async def test_a_reversal_never_gives_back_more_than_moved(database: Database, accounts: Accounts) -> None:
    async with database.write() as session:
        transfer = await post(session, [Movement(accounts.anna, accounts.ben, 30)], reference="lunch")
        part = await reverse(session, transfer, amount=10, reference="refund", key="r")
        assert await reverse(session, transfer, amount=10, reference="refund", key="r") == part
        with pytest.raises(ReversalExceeds):
            await reverse(session, transfer, reference="refund")
        with pytest.raises(ReversalExceeds):
            await reverse(session, part, reference="refund of a refund")
        await reverse(session, transfer, amount=20, reference="refund")
        with pytest.raises(ReversalExceeds):
            await reverse(session, transfer, amount=1, reference="refund")
        with pytest.raises(NotFound):
            await reverse(session, new_id(), reference="refund")
    assert await balances(database, accounts) == (-100, 100, 0)


async def test_concurrent_reversals_happen_once(database: Database, accounts: Accounts) -> None:
    async with database.write() as session:
        transfer = await post(session, [Movement(accounts.anna, accounts.ben, 30)], reference="lunch")
        await post(session, [Movement(accounts.bank, accounts.ben, 100)], reference="so that funds suffice")

    async def refund() -> None:
        async with database.write() as session:
            await reverse(session, transfer, reference="refund")

    outcomes = await asyncio.gather(*(refund() for _ in range(5)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(ReversalExceeds) == 4
    assert (await balances(database, accounts))[1] == 100


async def test_malformed_transfers_are_refused(database: Database, accounts: Accounts) -> None:
    async with database.write() as session:
        euros = await open_account(session, None, "bank", "EUR/2", floor=None)
        for movements in (
            [],
            [Movement(accounts.anna, accounts.ben, 0)],
            [Movement(accounts.anna, accounts.ben, -1)],
            [Movement(euros, accounts.ben, 1)],
        ):
            with pytest.raises(InvalidInput):
                await post(session, movements, reference="wrong")
        with pytest.raises(NotFound):
            await post(session, [Movement(new_id(), accounts.ben, 1)], reference="wrong")
        with pytest.raises(InvalidInput):
            await open_account(session, None, "bank", "dollars")


async def test_an_account_is_opened_once(database: Database, accounts: Accounts) -> None:
    async def open_() -> object:
        async with database.write() as session:
            return await open_account(session, None, "fees", "USD/2")

    assert len(set(await asyncio.gather(*(open_() for _ in range(5))))) == 1


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount = 1",
        "DELETE FROM ledger_entries",
        "DELETE FROM ledger_holds",
        "INSERT INTO ledger_accounts (id, kind, name, asset, balance, held, created_at)"
        " SELECT :new, 'x', 'x', 'USD/2', 5, 0, created_at FROM ledger_accounts",
        "UPDATE ledger_accounts SET held = -1",
        "UPDATE ledger_accounts SET held = 101 WHERE name = 'anna'",
        "INSERT INTO ledger_entries (id, transfer_id, position, debit_account_id, credit_account_id, asset,"
        " amount, reference, created_at) SELECT :new, transfer_id, 0, debit_account_id, credit_account_id,"
        " 'EUR/2', amount, reference, created_at FROM ledger_entries",
    ],
)
async def test_the_database_itself_refuses(database: Database, accounts: Accounts, statement: str) -> None:
    async with database.write() as session:
        await release(session, await hold(session, accounts.anna, 1))
    query = text(statement)
    if ":new" in statement:
        query = query.bindparams(bindparam("new", new_id(), type_=Uuid()))
    with pytest.raises(IntegrityError):
        async with database.write() as session:
            await session.execute(query)
    assert await balances(database, accounts) == (-100, 100, 0)
