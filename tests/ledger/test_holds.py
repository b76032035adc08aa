"""Holds: set aside, captured in parts, given back, expired."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger import audit
from skyhook.ledger.errors import HoldNotOpen, InsufficientFunds
from skyhook.ledger.holds import accounts_with_expired, capture, expire, hold, release
from skyhook.ledger.service import Movement, balance, post

from .conftest import Accounts


async def test_a_hold_sets_aside_and_is_captured_in_parts(database: Database, accounts: Accounts) -> None:
    async with database.write() as session:
        held = await hold(session, accounts.anna, 60)
        assert await balance(session, accounts.anna) == (100, 60)
        with pytest.raises(InsufficientFunds):
            await post(session, [Movement(accounts.anna, accounts.ben, 41)], reference="too much")
        first = await capture(session, held, accounts.ben, 20, reference="part", key="c")
        assert await capture(session, held, accounts.ben, 20, reference="part", key="c") == first
        with pytest.raises(HoldNotOpen):
            await capture(session, held, accounts.ben, 41, reference="too much")
        await capture(session, held, accounts.ben, 40, reference="rest")
        assert await balance(session, accounts.anna) == (40, 0)
        assert await capture(session, held, accounts.ben, 20, reference="part", key="c") == first
        with pytest.raises(HoldNotOpen):
            await release(session, held)
        assert await audit.verify(session) == []


async def test_what_is_released_or_expired_comes_back_once(database: Database, accounts: Accounts) -> None:
    soon = now() + timedelta(seconds=10)
    async with database.write() as session:
        released = await hold(session, accounts.anna, 30)
        expired = await hold(session, accounts.anna, 20, expires_at=soon)
        await capture(session, released, accounts.ben, 10, reference="part")
        assert await release(session, released) == 20
        assert await accounts_with_expired(session, now()) == []
        assert await expire(session, accounts.anna, now()) == 0
        with pytest.raises(HoldNotOpen):
            await capture(session, expired, accounts.ben, 1, reference="late", at=soon)
        assert await accounts_with_expired(session, soon) == [accounts.anna]
        assert await expire(session, accounts.anna, soon) == 1
        assert await expire(session, accounts.anna, soon) == 0
        assert await balance(session, accounts.anna) == (90, 0)
        for ended in (released, expired):
            with pytest.raises(HoldNotOpen):
                await capture(session, ended, accounts.ben, 1, reference="late")
            with pytest.raises(HoldNotOpen):
                await release(session, ended)
        with pytest.raises(NotFound):
            await release(session, new_id())
        with pytest.raises(InvalidInput):
            await hold(session, accounts.anna, 0)
        with pytest.raises(InsufficientFunds):
            await hold(session, accounts.anna, 91)
        assert await audit.verify(session) == []


async def test_concurrent_holds_never_exceed_the_account(database: Database, accounts: Accounts) -> None:
    async def try_hold() -> object:
        async with database.write() as session:
            return await hold(session, accounts.anna, 30)

    outcomes = await asyncio.gather(*(try_hold() for _ in range(6)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes].count(InsufficientFunds) == 3
    async with database.read() as session:
        assert await balance(session, accounts.anna) == (100, 90)
