"""Two server processes against a plain model of what they may promise and charge."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from skyhook.accounts.models import Organization
from skyhook.billing import Billing, BudgetExceeded, Hold, InsufficientCredit, Payer
from skyhook.clock import new_id
from skyhook.database import Database

from .conftest import METERS, Clock, prove, served

T = TypeVar("T")
PRICE = METERS[0].price
TOKENS = st.integers(1, 60)


@dataclass(eq=False)
class Running:
    """A call that holds credit, and budget where its key has one."""

    process: int
    hold: Hold
    payer: Payer


class Processes(RuleBasedStateMachine):
    """The rules; the database and the event loop belong to the test."""

    run: Callable[[Coroutine[Any, Any, T]], T]
    database: Database
    calls: Bundle[Running] = Bundle("calls")

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.credit = self.spent_of_budget = 0
        self.budget = 4_000
        self.running: list[Running] = []
        self.processes = [Billing(self.database, clock=self.clock) for _ in range(2)]
        self.organization, self.key = new_id(), new_id()
        self.run(self._prepare())

    async def _prepare(self) -> None:
        async with self.database.write() as session:
            session.add(Organization(id=self.organization, name="A", slug=f"a-{self.organization.hex}"))
        for process in self.processes:
            await process.seed_prices(METERS, ())

    @rule(amount=st.integers(1, 20_000))
    def grant(self, amount: int) -> None:
        self.run(self.processes[0].grant(self.organization, amount, reason="top-up", key=new_id().hex))
        self.credit += amount

    @rule(target=calls, process=st.integers(0, 1), tokens=TOKENS, with_budget=st.booleans())
    def hold(self, process: int, tokens: int, with_budget: bool) -> Any:
        payer = Payer(self.organization, self.key, None, self.budget if with_budget else None)
        amount = tokens * PRICE
        credit = self.credit - sum(call.hold.amount for call in self.running)
        budget = self.budget - self.spent_of_budget
        budget -= sum(call.hold.amount for call in self.running if call.payer.monthly_budget is not None)
        affordable = amount <= credit and not (with_budget and amount > budget)
        hold = self.run(self._hold(process, payer, tokens))
        if hold is None:  # the other process may hold what it does not need
            self.run(self._maintain(times=2))
            hold = self.run(self._hold(process, payer, tokens))
            assert (hold is not None) == affordable
        assert hold is None or affordable
        if hold is None:
            return multiple()
        call = Running(process, hold, payer)
        self.running.append(call)
        return call

    async def _hold(self, process: int, payer: Payer, tokens: int) -> Hold | None:
        try:
            return await self.processes[process].hold(payer, {"chat.tokens": tokens}, None)
        except (InsufficientCredit, BudgetExceeded):
            return None

    async def _maintain(self, times: int = 1) -> None:
        for _ in range(times):
            for process in self.processes:
                await process.maintain()

    @rule(call=consumes(calls), tokens=st.integers(0, 80))
    def settle(self, call: Running, tokens: int) -> None:
        if call not in self.running:
            return
        self.running.remove(call)
        record = served(call.payer, call.hold, tokens, at=self.clock())
        receipt = self.run(self.processes[call.process].settle(record))
        assert receipt.cost == min(tokens * PRICE, call.hold.amount)
        self.credit -= receipt.cost
        if call.payer.monthly_budget is not None:
            self.spent_of_budget += receipt.cost

    @rule(call=consumes(calls))
    def release(self, call: Running) -> None:
        if call in self.running:
            self.running.remove(call)
            self.processes[call.process].release(call.hold)

    @rule(seconds=st.integers(1, 20))
    def wait(self, seconds: int) -> None:
        self.clock.turn(seconds=seconds)
        self.run(self._maintain())

    @rule(budget=st.integers(0, 8_000))
    def change_budget(self, budget: int) -> None:
        self.budget = budget

    @precondition(lambda self: not self.running)
    @rule()
    def next_month(self) -> None:
        self.clock.turn(days=31)
        self.run(self._maintain(times=2))
        self.spent_of_budget = 0

    @rule(dead=st.integers(0, 1))
    def kill(self, dead: int) -> None:
        self.processes[dead] = Billing(self.database, clock=self.clock)
        self.running = [call for call in self.running if call.process != dead]
        self.run(self.processes[dead].seed_prices((), ()))
        for _ in range(4):
            self.clock.turn(seconds=10)
            self.run(self._maintain())

    @invariant()
    def everything_agrees(self) -> None:
        self.run(prove(self.database))
        balance = self.run(self.processes[0].balance(self.organization))
        assert balance.balance == self.credit
        assert balance.available >= 0
        assert balance.held >= sum(call.hold.amount for call in self.running)

    def teardown(self) -> None:
        for call in self.running:
            self.processes[call.process].release(call.hold)
        for process in self.processes:
            self.run(process.close())
        assert self.run(self.processes[0].balance(self.organization)).held == 0


def test_processes_agree_with_the_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)

        class Machine(Processes):
            run = staticmethod(runner.run)

        Machine.database = database
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=8,
                stateful_step_count=25,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(database.close())
