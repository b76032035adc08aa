"""Whatever is done in whatever order, the wallets agree with a plain model of them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import select, text

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import SkyhookError
from skyhook.ledger import audit
from skyhook.operations.caller import Caller
from skyhook_money import holds, movements, requests, wallets
from skyhook_money.actions import Order, Work, once
from skyhook_money.audit import verify
from skyhook_money.tables import Entry

WALLETS = 3
AMOUNT = st.integers(1, 60)
WALLET = st.integers(0, WALLETS - 1)
BY = st.integers(1, WALLETS - 1)
KEY = st.none() | st.integers(0, 3)


@dataclass
class Moved:
    id: UUID
    payer: int
    payee: int
    left: int


@dataclass
class Held:
    id: UUID
    payer: int
    payee: int
    remaining: int
    is_open: bool = True


@dataclass
class Asked:
    id: UUID
    payer: int
    payee: int
    amount: int
    is_open: bool = True


@dataclass
class Model:
    """Numbers in a list."""

    balances: list[int] = field(default_factory=lambda: [0] * WALLETS)
    holds: list[Held] = field(default_factory=list)
    entries: list[list[int]] = field(default_factory=lambda: [[] for _ in range(WALLETS)])

    def held(self, wallet: int) -> int:
        return sum(hold.remaining for hold in self.holds if hold.payer == wallet)

    def affords(self, wallet: int, amount: int) -> bool:
        return self.balances[wallet] - self.held(wallet) >= amount

    def move(self, payer: int | None, payee: int | None, amount: int) -> None:
        for wallet, change in ((payer, -amount), (payee, amount)):
            if wallet is not None:
                self.balances[wallet] += change
                self.entries[wallet].append(change)


class Money(RuleBasedStateMachine):
    """Three wallets of three organizations, in one currency."""

    run: Callable[[Awaitable[Any]], Any]
    database: Database

    moved = Bundle("moved")
    held = Bundle("held")
    asked = Bundle("asked")

    def __init__(self) -> None:
        super().__init__()
        self.model = Model()
        self.keys: dict[tuple[int, int], tuple[object, UUID, Moved]] = {}
        self.callers: list[Caller] = []
        self.wallets: list[str] = []
        self.run(self.open())

    async def open(self) -> None:
        for _ in range(WALLETS):
            organization = new_id()
            async with self.database.write() as session:
                session.add(Organization(id=organization, name="Acme", slug=organization.hex))
            caller = Caller(organization, None, None, frozenset({"*"}))
            new = wallets.NewWallet(f"w{organization.hex[-20:]}", "A wallet", "EUR")
            order = Order("moneyWalletCreate", caller, None, b"")
            made = await once(
                self.database,
                order,
                lambda session, id, caller=caller, new=new: wallets.create(session, id, caller, new),  # type: ignore[misc]
            )
            self.callers.append(caller)
            self.wallets.append(str(made))

    def do(
        self,
        wallet: int,
        work: Work,
        *,
        key: str | None = None,
        fingerprint: bytes = b"",
        subject: UUID | None = None,
    ) -> UUID | None:
        """Does it as the organization of that wallet; None where it is refused."""
        order = Order("operation", self.callers[wallet], key, fingerprint)
        try:
            return self.run(once(self.database, order, work, subject))  # type: ignore[no-any-return]
        except SkyhookError:
            return None

    def payment(self, payer: int, payee: int, amount: int) -> movements.Payment:
        return movements.Payment(self.wallets[payer], self.wallets[payee], amount, "EUR", "")

    @rule(wallet=WALLET, amount=AMOUNT)
    def issue(self, wallet: int, amount: int) -> None:
        id = self.wallets[wallet]
        assert self.do(wallet, lambda session, made: movements.issue(session, made, id, amount, "in"))
        self.model.move(None, wallet, amount)

    @rule(wallet=WALLET, amount=AMOUNT)
    def redeem(self, wallet: int, amount: int) -> None:
        id = self.wallets[wallet]
        done = self.do(wallet, lambda session, made: movements.redeem(session, made, id, amount, "out"))
        assert (done is not None) == self.model.affords(wallet, amount)
        if done:
            self.model.move(wallet, None, amount)

    @rule(target=moved, payer=WALLET, by=BY, amount=AMOUNT, key=KEY)
    def transfer(self, payer: int, by: int, amount: int, key: int | None) -> Any:
        payee = (payer + by) % WALLETS
        asked, caller = self.payment(payer, payee, amount), self.callers[payer]
        done = self.do(
            payer,
            lambda session, id: movements.transfer(session, id, caller, asked),
            key=None if key is None else str(key),
            fingerprint=b"" if key is None else repr(asked).encode(),
        )
        if key is not None and (payer, key) in self.keys:
            before, id, transfer = self.keys[payer, key]
            assert done == (id if before == asked else None)
            return transfer
        assert (done is not None) == self.model.affords(payer, amount)
        if done is None:
            return multiple()
        self.model.move(payer, payee, amount)
        transfer = Moved(done, payer, payee, amount)
        if key is not None:
            self.keys[payer, key] = (asked, done, transfer)
        return transfer

    @rule(payer=WALLET, amount=AMOUNT)
    def transfer_to_oneself(self, payer: int, amount: int) -> None:
        asked, caller = self.payment(payer, payer, amount), self.callers[payer]
        assert self.do(payer, lambda session, id: movements.transfer(session, id, caller, asked)) is None

    @rule(transfer=moved, amount=st.none() | AMOUNT)
    def refund(self, transfer: Moved, amount: int | None) -> None:
        caller = self.callers[transfer.payee]
        asked = movements.Refund(transfer.id, amount, "EUR" if amount else None, "")
        done = self.do(transfer.payee, lambda session, id: movements.refund(session, id, caller, asked))
        units = transfer.left if amount is None else amount
        assert (done is not None) == (
            0 < units <= transfer.left and self.model.affords(transfer.payee, units)
        )
        if done:
            transfer.left -= units
            self.model.move(transfer.payee, transfer.payer, units)

    @rule(target=held, payer=WALLET, by=BY, amount=AMOUNT)
    def hold(self, payer: int, by: int, amount: int) -> Any:
        payee, caller = (payer + by) % WALLETS, self.callers[payer]
        asked = holds.NewHold(self.wallets[payer], self.wallets[payee], amount, "EUR", "", 3600)
        done = self.do(payer, lambda session, id: holds.place(session, id, caller, asked))
        assert (done is not None) == self.model.affords(payer, amount)
        if done is None:
            return multiple()
        placed = Held(done, payer, payee, amount)
        self.model.holds.append(placed)
        return placed

    @rule(target=moved, held=held, amount=st.none() | AMOUNT)
    def capture(self, held: Held, amount: int | None) -> Any:
        caller = self.callers[held.payee]
        asked = holds.Capture(held.id, amount, "EUR" if amount else None)
        done = self.do(held.payee, lambda session, id: holds.capture(session, id, caller, asked))
        units = held.remaining if amount is None else amount
        assert (done is not None) == (0 < units <= held.remaining)
        if done is None:
            return multiple()
        held.remaining -= units
        held.is_open = held.remaining > 0
        self.model.move(held.payer, held.payee, units)
        return Moved(done, held.payer, held.payee, units)

    @rule(held=held)
    def release(self, held: Held) -> None:
        caller = self.callers[held.payee]
        done = self.do(
            held.payee, lambda session, _: holds.release(session, caller, held.id), subject=held.id
        )
        assert (done is not None) == held.is_open
        held.remaining, held.is_open = 0, False

    @rule(target=asked, payer=WALLET, by=BY, amount=AMOUNT)
    def ask(self, payer: int, by: int, amount: int) -> Asked:
        payee = (payer + by) % WALLETS
        caller = self.callers[payee]
        new = requests.NewRequest(self.wallets[payer], self.wallets[payee], amount, "EUR", "", 3600)
        done = self.do(payee, lambda session, id: requests.ask(session, id, caller, new))
        assert done is not None
        return Asked(done, payer, payee, amount)

    @rule(target=moved, asked=asked)
    def accept(self, asked: Asked) -> Any:
        caller = self.callers[asked.payer]
        done = self.do(asked.payer, lambda session, id: requests.accept(session, id, caller, asked.id))
        assert (done is not None) == (asked.is_open and self.model.affords(asked.payer, asked.amount))
        if done is None:
            return multiple()
        asked.is_open = False
        self.model.move(asked.payer, asked.payee, asked.amount)
        return Moved(done, asked.payer, asked.payee, asked.amount)

    @rule(asked=asked)
    def decline(self, asked: Asked) -> None:
        caller = self.callers[asked.payer]
        done = self.do(asked.payer, lambda session, _: requests.decline(session, caller, asked.id))
        assert (done is not None) == asked.is_open
        asked.is_open = False

    @invariant()
    def the_database_agrees(self) -> None:
        self.run(self.look())

    async def look(self) -> None:
        async with self.database.read() as session:
            assert await audit.verify(session) == []
            assert await verify(session) == []
            assert await session.scalar(text("SELECT COALESCE(SUM(amount), 0) FROM ledger_postings")) == 0
            for at, caller in enumerate(self.callers):
                wallet = await wallets.find(session, caller, self.wallets[at])
                has = (await wallets.LEDGER.balances(session, [wallet.account_id]))[wallet.account_id]
                assert (has.balance, has.held) == (self.model.balances[at], self.model.held(at))
                assert has.available >= 0
                query = select(Entry.amount).where(Entry.wallet_id == wallet.id).order_by(Entry.number)
                assert list(await session.scalars(query)) == self.model.entries[at]


def test_the_wallets_agree_with_the_model(database_url: str) -> None:
    is_sqlite = database_url.startswith("sqlite")
    with asyncio.Runner() as runner:
        database = Database(database_url)

        class Machine(Money):
            run = staticmethod(runner.run)

        Machine.database = database
        run_state_machine_as_test(
            Machine,
            settings=settings(
                max_examples=12 if is_sqlite else 4,
                stateful_step_count=30,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
        runner.run(database.close())
