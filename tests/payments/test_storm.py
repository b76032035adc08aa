"""However Stripe's events come, an instance ends where one does that got each of them once and in order."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.payments.storm import Bank, Begun, Instance
from tests.stripe import cards
from tests.stripe.store import Store

from skyhook.billing.reconciliation import reconcile
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.payments.reconciliation import verify

T = TypeVar("T")
CENTS = st.integers(50, 3_000)
WHICH = st.integers(0, 99)


class Storm(RuleBasedStateMachine):
    """The rules; the databases and the event loop belong to the test."""

    run: Callable[[Coroutine[Any, Any, T]], T]
    databases: tuple[Database, Database]

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed: int) -> None:
        self.dice = random.Random(seed)
        self.bank = Bank(Store(seed))
        # Ids of Stripe's differ from one example to the next, since the databases are the same.
        self.bank.store.token = lambda prefix, length=24: f"{prefix}{new_id().hex}"  # type: ignore[method-assign]
        self.ahead = timedelta()
        self.ordered = Instance(self.databases[0])
        self.shuffled = Instance(self.databases[1], self.clock)
        self.organizations = [new_id(), new_id()]
        self.begun: list[Begun] = []
        self.waiting: list[bytes] = []
        self.automatic = set(self.organizations)
        for instance in (self.ordered, self.shuffled):
            self.run(instance.welcome(self.organizations))

    def clock(self) -> datetime:
        return now() + self.ahead

    def happened(self) -> None:
        """The twin is told at once; the events wait for the other one."""
        events = self.bank.news()
        self.waiting += events
        self.run(self.ordered.tell(events))

    def start(self, begun: Begun) -> None:
        self.begun.append(begun)
        for instance in (self.ordered, self.shuffled):
            self.run(instance.begin([begun]))

    @rule(cents=CENTS, which=WHICH)
    def open_a_page(self, cents: int, which: int) -> None:
        self.start(self.bank.begin(self.organizations[which % 2], cents))

    @rule(cents=CENTS, card=st.sampled_from([cards.VISA, cards.VISA, cards.DISPUTED]), which=WHICH)
    def buy(self, cents: int, card: str, which: int) -> None:
        self.open_a_page(cents, which)
        self.bank.pay(self.begun[-1], card)
        self.happened()

    @precondition(lambda self: self.automatic)
    @rule(cents=CENTS, declined=st.booleans())
    def charge_the_saved_card(self, cents: int, declined: bool) -> None:
        self.start(self.bank.charge(self.automatic.pop(), cents, declined=declined))
        self.happened()

    @precondition(lambda self: self.bank.open_pages(self.begun))
    @rule(which=WHICH, end=st.sampled_from(["pays", "is declined", "expires"]))
    def go_on_with_a_page(self, which: int, end: str) -> None:
        pages = self.bank.open_pages(self.begun)
        page = pages[which % len(pages)]
        if end == "expires":
            self.bank.expire(page)
        else:
            self.bank.pay(page, cards.VISA if end == "pays" else cards.DECLINED_LATER)
        self.happened()

    @precondition(lambda self: self.bank.refundable())
    @rule(which=WHICH, part=st.integers(1, 3))
    def refund(self, which: int, part: int) -> None:
        charges = self.bank.refundable()
        charge = charges[which % len(charges)]
        self.bank.refund(charge, max(1, (charge["amount"] - charge["amount_refunded"]) // part))
        self.happened()

    @precondition(lambda self: self.bank.refunds())
    @rule(which=WHICH)
    def let_a_refund_fail(self, which: int) -> None:
        refunds = self.bank.refunds()
        self.bank.fail(refunds[which % len(refunds)])
        self.happened()

    @precondition(lambda self: self.bank.refundable())
    @rule(which=WHICH)
    def dispute(self, which: int) -> None:
        charges = self.bank.refundable()
        self.bank.dispute(charges[which % len(charges)])
        self.happened()

    @precondition(lambda self: self.bank.disputes())
    @rule(which=WHICH, won=st.booleans())
    def decide_a_dispute(self, which: int, won: bool) -> None:
        disputes = self.bank.disputes()
        self.bank.close(disputes[which % len(disputes)], won=won)
        self.happened()

    @rule(which=WHICH, cents=CENTS)
    def spend(self, which: int, cents: int) -> None:
        organization = self.organizations[which % 2]
        both = (self.ordered, self.shuffled)
        free = min(self.run(instance.free(organization)) for instance in both)
        if (nano := min(free, cents * 10_000_000)) > 0:
            for instance in both:
                self.run(instance.spend(organization, nano))

    @precondition(lambda self: self.waiting)
    @rule(which=WHICH, copies=st.integers(1, 2), keep=st.booleans())
    def deliver(self, which: int, copies: int, keep: bool) -> None:
        event = self.waiting[which % len(self.waiting)]
        if not keep:  # else it comes again later
            self.waiting.remove(event)
        self.run(self.shuffled.tell([event] * copies))

    @invariant()
    def the_books_agree_at_every_moment(self) -> None:
        async def look() -> list[str]:
            async with self.shuffled.database.read() as session:
                return await reconcile(session)

        assert self.run(look()) == []

    def teardown(self) -> None:
        if not hasattr(self, "dice"):
            return
        rest = self.waiting * 2
        self.dice.shuffle(rest)
        self.run(self.shuffled.tell(rest))
        self.run(self.compare())

    async def compare(self) -> None:
        states = [await instance.state(self.organizations) for instance in (self.ordered, self.shuffled)]
        assert states[0] == states[1]
        for instance in (self.ordered, self.shuffled):
            async with instance.database.read() as session:
                assert await reconcile(session) + await verify(session) == []


def test_any_storm_of_events_ends_where_ordered_delivery_does(new_database_url: Callable[[], str]) -> None:
    with asyncio.Runner() as runner:

        class Machine(Storm):
            run = staticmethod(runner.run)

        Machine.databases = (Database(new_database_url()), Database(new_database_url()))
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=8, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
            ),
        )
        for database in Machine.databases:
            runner.run(database.close())
