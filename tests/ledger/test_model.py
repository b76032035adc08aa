"""The ledger against a plain model in Python."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.ledger import audit, holds
from skyhook.ledger.errors import HoldNotOpen, InsufficientFunds, ReversalExceeds
from skyhook.ledger.service import Movement, balance, open_account, post, reverse

T = TypeVar("T")
ACCOUNT = st.integers(0, 2)
AMOUNT = st.integers(1, 60)
REFUSED = (InsufficientFunds, HoldNotOpen, ReversalExceeds)


@dataclass(eq=False)
class Held:
    id: UUID
    account: int
    remaining: int
    open: bool = True


@dataclass(eq=False)
class Moved:
    id: UUID
    debit: int
    credit: int
    left: int
    """What can still be reversed."""


class Ledger(RuleBasedStateMachine):
    """Account 0 may go below zero, the others may not."""

    run: Callable[[Coroutine[Any, Any, T]], T]
    database: Database
    held: Bundle[Held] = Bundle("held")
    moved: Bundle[Moved] = Bundle("moved")

    @initialize()
    def begin(self) -> None:
        owner = new_id().hex
        self.holds: list[Held] = []
        self.balances = [0, 0, 0]

        async def open_all(session: AsyncSession) -> list[UUID]:
            floors = (None, 0, 0)
            return [
                await open_account(session, None, "model", "USD/2", name=f"{owner}{at}", floor=floor)
                for at, floor in enumerate(floors)
            ]

        self.accounts = self._do(open_all) or []

    def _do(self, action: Callable[[AsyncSession], Coroutine[Any, Any, T]]) -> T | None:
        """Runs the action in a unit of work; None where the ledger refused."""

        async def unit() -> T | None:
            try:
                async with self.database.write() as session:
                    return await action(session)
            except REFUSED:
                return None

        return self.run(unit())

    def _available(self, account: int) -> int:
        return self.balances[account] - sum(h.remaining for h in self.holds if h.account == account)

    def _affords(self, account: int, amount: int) -> bool:
        return account == 0 or amount <= self._available(account)

    def _move(self, debit: int, credit: int, amount: int) -> None:
        self.balances[debit] -= amount
        self.balances[credit] += amount

    @rule(target=moved, debit=ACCOUNT, by=st.integers(1, 2), amount=AMOUNT)
    def post(self, debit: int, by: int, amount: int) -> Any:
        credit = (debit + by) % 3
        movement = Movement(self.accounts[debit], self.accounts[credit], amount)
        done = self._do(lambda session: post(session, [movement], reference="pay"))
        assert (done is not None) == self._affords(debit, amount)
        if done is None:
            return multiple()
        self._move(debit, credit, amount)
        return Moved(done, debit, credit, amount)

    @rule(transfer=moved, amount=AMOUNT)
    def reverse(self, transfer: Moved, amount: int) -> None:
        done = self._do(lambda session: reverse(session, transfer.id, amount=amount, reference="refund"))
        assert (done is not None) == (amount <= transfer.left and self._affords(transfer.credit, amount))
        if done is not None:
            transfer.left -= amount
            self._move(transfer.credit, transfer.debit, amount)

    @rule(target=held, account=ACCOUNT, amount=AMOUNT)
    def hold(self, account: int, amount: int) -> Any:
        done = self._do(lambda session: holds.hold(session, self.accounts[account], amount))
        assert (done is not None) == self._affords(account, amount)
        if done is None:
            return multiple()
        self.holds.append(Held(done, account, amount))
        return self.holds[-1]

    @rule(held=held, amount=AMOUNT, by=st.integers(1, 2))
    def capture(self, held: Held, amount: int, by: int) -> None:
        credit = (held.account + by) % 3
        to = self.accounts[credit]
        done = self._do(lambda session: holds.capture(session, held.id, to, amount, reference="capture"))
        assert (done is not None) == (amount <= held.remaining)
        if done is not None:
            held.remaining -= amount
            held.open = held.remaining > 0
            self._move(held.account, credit, amount)

    @rule(held=held)
    def release(self, held: Held) -> None:
        done = self._do(lambda session: holds.release(session, held.id))
        assert done == (held.remaining if held.open else None)
        held.remaining, held.open = 0, False

    @invariant()
    def the_database_agrees(self) -> None:
        async def look() -> list[tuple[int, int]]:
            async with self.database.read() as session:
                assert await audit.verify(session) == []
                return [await balance(session, account) for account in self.accounts]

        assert self.run(look()) == [(b, b - self._available(at)) for at, b in enumerate(self.balances)]


def test_the_ledger_agrees_with_the_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)

        class Machine(Ledger):
            run = staticmethod(runner.run)

        Machine.database = database
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=10,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(database.close())
