"""The ledger as plugins see it: their own accounts, and nobody else's."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select

from skyhook.billing import credit
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger import audit, holds
from skyhook.ledger.errors import HoldNotOpen, InsufficientFunds, ReversalExceeds, TransferKeyReused
from skyhook.ledger.models import HoldState, LedgerAccount
from skyhook.ledger.service import Movement
from skyhook.ledger.surface import AccountBalance, HoldStatus, Ledger

rain, snow = Ledger("rain"), Ledger("snow")


async def filled(database: Database, organization: UUID) -> tuple[UUID, UUID]:
    """The source of the plugin `rain`, and an account with 100 from it."""
    async with database.write() as session:
        source = await rain.open(session, None, "source", "DROPS/0", floor=None)
        account = await rain.open(session, organization, "drops", "DROPS/0")
        await rain.post(session, [Movement(source, account, 100)], reference="start")
    return source, account


async def test_a_plugin_moves_holds_captures_and_reverses(database: Database, organization: UUID) -> None:
    source, account = await filled(database, organization)
    async with database.write() as session:
        moved = await rain.post(session, [Movement(account, source, 30)], reference="a", key="k")
        assert await rain.post(session, [Movement(account, source, 30)], reference="a", key="k") == moved
        await rain.reverse(session, moved, reference="back", amount=10)
        held = await rain.hold(session, account, 50)
        await rain.capture(session, held, source, 20, reference="part")
        assert await rain.holds(session, [held]) == {held: HoldStatus(50, 30, HoldState.OPEN)}
        assert await rain.balances(session, [account]) == {account: AccountBalance(60, 30)}
        assert await rain.release(session, held) == 30
        assert await audit.verify(session) == []


async def test_what_the_ledger_refuses_a_plugin_sees(database: Database, organization: UUID) -> None:
    source, account = await filled(database, organization)
    async with database.write() as session:
        with pytest.raises(InsufficientFunds):
            await rain.post(session, [Movement(account, source, 101)], reference="too much")
        moved = await rain.post(session, [Movement(account, source, 10)], reference="a", key="k")
        with pytest.raises(TransferKeyReused):
            await rain.post(session, [Movement(account, source, 11)], reference="a", key="k")
        with pytest.raises(ReversalExceeds):
            await rain.reverse(session, moved, reference="back", amount=11)
        held = await rain.hold(session, account, 5)
        with pytest.raises(HoldNotOpen):
            await rain.capture(session, held, source, 6, reference="too much")
        with pytest.raises(InvalidInput):
            await rain.post(session, [Movement(account, source, 1)], reference="a", key="k" * 151)


async def test_the_platforms_accounts_do_not_exist_for_a_plugin(
    database: Database, organization: UUID
) -> None:
    _, account = await filled(database, organization)
    async with database.write() as session:
        await credit.grant(session, organization, 100, reason="test", key="1")
        query = select(LedgerAccount.id).where(LedgerAccount.kind == "credit")
        theirs = (await session.scalars(query)).one()
        held = await holds.hold(session, theirs, 10)
        with pytest.raises(NotFound):
            await rain.post(session, [Movement(theirs, account, 1)], reference="steal")
        with pytest.raises(NotFound):
            await rain.hold(session, theirs, 1)
        with pytest.raises(NotFound):
            await rain.capture(session, held, account, 1, reference="steal")
        with pytest.raises(NotFound):
            await rain.release(session, held)
        with pytest.raises(NotFound):
            await rain.expire(session, theirs)
        assert await rain.balances(session, [theirs]) == {}
        assert await rain.holds(session, [held]) == {}


async def test_a_plugins_accounts_do_not_exist_for_another(database: Database, organization: UUID) -> None:
    source, account = await filled(database, organization)
    async with database.write() as session:
        mine = await snow.open(session, organization, "drops", "DROPS/0")
        assert mine != account
        moved = await rain.post(session, [Movement(account, source, 1)], reference="a", key="k")
        for wrong in (Movement(account, mine, 1), Movement(mine, account, 1)):
            with pytest.raises(NotFound):
                await snow.post(session, [wrong], reference="steal")
        with pytest.raises(NotFound):
            await snow.reverse(session, moved, reference="steal")
        with pytest.raises(NotFound):
            await snow.reverse(session, new_id(), reference="nothing")
        with pytest.raises(NotFound):
            await snow.release(session, new_id())


async def test_a_plugin_that_is_named_like_the_cores_kinds_gets_none_of_them(
    database: Database, organization: UUID
) -> None:
    async with database.write() as session:
        await credit.grant(session, organization, 100, reason="test", key="1")
        query = select(LedgerAccount.id).where(LedgerAccount.kind == "credit")
        theirs = (await session.scalars(query)).one()
        assert await Ledger("credit").balances(session, [theirs]) == {}
        opened = await Ledger("credit").open(session, organization, "spent", "USD/9")
        assert (await session.get_one(LedgerAccount, opened)).kind == "credit.spent"


@pytest.mark.parametrize("plugin", ["", "r", "Rain", "rain.", "rain%", "rain_snow"])
def test_a_ledger_is_for_a_plugins_name(plugin: str) -> None:
    with pytest.raises(ValueError, match="not the name of a plugin"):
        Ledger(plugin)


async def test_a_hold_whose_time_is_over_is_expired_and_can_be_given_back_at_once(
    database: Database, organization: UUID
) -> None:
    source, account = await filled(database, organization)
    async with database.write() as session:
        held = await rain.hold(session, account, 40, expires_at=now() - timedelta(seconds=1))
        assert await rain.holds(session, [held]) == {held: HoldStatus(40, 0, HoldState.EXPIRED)}
        with pytest.raises(HoldNotOpen):
            await rain.capture(session, held, source, 1, reference="late")
        assert await rain.expire(session, account) == 1
        assert await rain.balances(session, [account]) == {account: AccountBalance(100, 0)}
