"""Grants, spending, expiry and refunds in any order against a plain model of what is left of each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from skyhook.accounts.models import Organization
from skyhook.billing import credit, grants
from skyhook.billing.funds import Fund, open_fund
from skyhook.billing.models import GrantCategory
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.ledger.holds import hold, release
from skyhook.ledger.service import Movement, post
from skyhook.payments.funds import collect, pay_in, take_back

from .conftest import Clock, prove

T = TypeVar("T")
CENT = 10_000_000
CENTS = st.integers(1, 50)
_RANKS = [GrantCategory.PROMOTIONAL, GrantCategory.PLAN, GrantCategory.PAID]


@dataclass
class Given:
    """A grant as the model knows it, in cents."""

    number: int
    category: GrantCategory
    priority: int
    expires_at: datetime | None
    left: int

    @property
    def order(self) -> tuple[Any, ...]:
        never = self.expires_at is None
        return self.priority, never, self.expires_at or datetime.min, _RANKS.index(self.category), self.number


class Credit(RuleBasedStateMachine):
    """The rules; the database and the event loop belong to the test."""

    run: Callable[[Coroutine[Any, Any, T]], T]
    database: Database

    @initialize()
    def begin(self) -> None:
        self.clock = Clock()
        self.given: list[Given] = []
        self.count = self.owed = self.held = 0
        self.hold_id: UUID | None = None
        self.organization = new_id()
        self.run(self._prepare())

    async def _prepare(self) -> None:
        async with self.database.write() as session:
            session.add(Organization(id=self.organization, name="A", slug=f"a-{self.organization.hex}"))

    @property
    def balance(self) -> int:
        return sum(grant.left for grant in self.given)

    def _take(self, cents: int, first: int | None = None) -> None:
        for grant in sorted(self.given, key=lambda grant: (grant.number != first, grant.order)):
            taken = min(grant.left, cents)
            grant.left -= taken
            cents -= taken
        assert cents == 0

    def _key(self, number: int) -> str:
        return f"{self.organization}/{number}"

    def _number(self) -> int:
        self.clock.turn(seconds=1)
        self.count += 1
        return self.count

    @rule(
        cents=CENTS, category=st.sampled_from(_RANKS[:2]), days=st.none() | st.integers(1, 20),
        priority=st.sampled_from([0, 50, 100]),
    )  # fmt: skip
    def grant(self, cents: int, category: GrantCategory, days: int | None, priority: int) -> None:
        number = self._number()
        expires_at = None if days is None else self.clock() + timedelta(days=days)

        async def work() -> None:
            async with self.database.write() as session:
                await credit.grant(
                    session, self.organization, cents * CENT, reason=str(number), key=str(number),
                    category=category, expires_at=expires_at, priority=priority, at=self.clock(),
                )  # fmt: skip

        self.run(work())
        self.given.append(Given(number, category, priority, expires_at, cents))

    @rule(cents=CENTS)
    def pay(self, cents: int) -> None:
        number = self._number()

        async def work() -> None:
            async with self.database.write() as session:
                await pay_in(session, self.organization, cents, reference=str(number), key=self._key(number))

        self.run(work())
        filled = min(self.owed, cents)
        self.owed -= filled
        self.given.append(Given(number, GrantCategory.PAID, 50, None, cents - filled))

    @rule(share=st.floats(0.01, 1))
    def spend(self, share: float) -> None:
        cents = int((self.balance - self.held) * share)
        if not cents:
            return

        async def work() -> None:
            async with self.database.write() as session:
                accounts = await open_fund(session, Fund(self.organization))
                movement = Movement(accounts.funded, accounts.spent, cents * CENT)
                await post(session, [movement], reference="other than usage")

        self.run(work())
        self._take(cents)

    @rule(cents=CENTS, of=st.integers(1, 30))
    def refund(self, cents: int, of: int) -> None:
        async def work() -> None:
            async with self.database.write() as session:
                await take_back(
                    session,
                    self.organization,
                    cents,
                    reference="refund",
                    key=new_id().hex,
                    paid_in=self._key(of),
                )

        self.run(work())
        taken = min(cents, self.balance - self.held)
        paid = [g.number for g in self.given if g.category == GrantCategory.PAID]
        first = of if of in paid else None
        self._take(taken, first)
        self.owed += cents - taken

    @rule()
    def fill_what_is_owed(self) -> None:
        async def work() -> None:
            async with self.database.write() as session:
                await collect(session, self.organization)

        self.run(work())
        filled = min(self.owed, self.balance - self.held)
        self.owed -= filled
        self._take(filled)

    @rule(share=st.floats(0.01, 1))
    def set_aside(self, share: float) -> None:
        cents = int((self.balance - self.held) * share)
        if self.hold_id is not None or not cents:
            return

        async def work() -> UUID:
            async with self.database.write() as session:
                accounts = await open_fund(session, Fund(self.organization))
                return await hold(session, accounts.funded, cents * CENT)

        self.hold_id, self.held = self.run(work()), cents

    @rule()
    def give_back(self) -> None:
        if (hold_id := self.hold_id) is None:
            return

        async def work() -> None:
            async with self.database.write() as session:
                await release(session, hold_id)

        self.run(work())
        self.hold_id, self.held = None, 0

    @rule(days=st.integers(0, 10))
    def wait(self, days: int) -> None:
        self.clock.turn(days=days)
        self.run(grants.expire_due(self.database, self.clock()))
        free = self.balance - self.held
        for grant in sorted(self.given, key=lambda grant: grant.order):
            if grant.expires_at is not None and grant.expires_at <= self.clock():
                amount = min(grant.left, free)
                grant.left -= amount
                free -= amount

    @invariant()
    def each_grant_has_left_what_the_model_says(self) -> None:
        async def work() -> list[tuple[str, int]]:
            async with self.database.read() as session:
                found = await grants.unspent(session, self.organization, 1_000)
            return [(grant.reference, grant.remaining // CENT) for grant in found]

        expected = [
            (str(grant.number), grant.left)
            for grant in sorted(self.given, key=lambda grant: grant.order)
            if grant.left
        ]
        assert self.run(work()) == expected
        self.run(prove(self.database))


def test_grants_agree_with_the_model(database_url: str) -> None:
    with asyncio.Runner() as runner:
        database = Database(database_url)

        class Machine(Credit):
            run = staticmethod(runner.run)

        Machine.database = database
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=6,
                stateful_step_count=20,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(database.close())
