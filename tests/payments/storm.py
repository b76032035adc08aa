"""What customers, cards and banks do at Stripe, and an instance that is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from tests.stripe import cards, checkout
from tests.stripe import payments as at_stripe
from tests.stripe.errors import StripeAnswersError
from tests.stripe.store import Object, Store

from skyhook.accounts.models import Organization
from skyhook.billing.funds import Fund, available, open_fund
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.ledger.models import LedgerAccount
from skyhook.ledger.service import Movement, post
from skyhook.payments.events import HANDLERS
from skyhook.payments.funds import NANO_PER_CENT, collect
from skyhook.payments.inbox import Inbox
from skyhook.payments.models import AutoTopUp, Payment, PaymentKind, PaymentState, Reversal


@dataclass(frozen=True)
class Begun:
    """A payment that an instance has begun."""

    id: UUID
    organization: UUID
    kind: PaymentKind
    cents: int
    session: str | None


class Bank:
    """What happens at Stripe, without any instance; each act is an event or more in the store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self._events: list[Object] = []
        store.on_event = self._events.append

    def begin(self, organization: UUID, cents: int) -> Begun:
        """A Checkout page for so many cents."""
        payment_id = new_id()
        metadata = {"payment": str(payment_id)}
        price = {"currency": "usd", "unit_amount": str(cents), "product_data": {"name": "Credit"}}
        asked: Object = {
            "mode": "payment", "line_items": [{"quantity": "1", "price_data": price}], "metadata": metadata,
            "payment_intent_data": {"metadata": metadata}, "success_url": "https://shop.example/done",
        }  # fmt: skip
        with self.store.lock:
            session = checkout.create_session(self.store, asked)
        return Begun(payment_id, organization, PaymentKind.CHECKOUT, cents, session["id"])

    def charge(self, organization: UUID, cents: int, *, declined: bool) -> Begun:
        """A saved card that is charged without its owner; the instance hears of it by events alone."""
        begun = Begun(new_id(), organization, PaymentKind.AUTOMATIC, cents, None)
        with self.store.lock:
            customer = checkout.new_customer(self.store, {})
            number = cards.DECLINED_LATER if declined else cards.VISA
            method = at_stripe.new_method(self.store, number, set_up=True)
            at_stripe.attach(self.store, method, customer["id"])
            asked = {
                "amount": str(cents), "currency": "usd", "customer": customer["id"],
                "payment_method": method["id"], "confirm": "true", "off_session": "true",
                "metadata": {"payment": str(begun.id)},
            }  # fmt: skip
            try:
                at_stripe.create_intent(self.store, asked)
            except StripeAnswersError:
                assert declined
        return begun

    def pay(self, begun: Begun, number: str) -> None:
        """A customer types a card's number into the page; one that is declined leaves the page open."""
        with self.store.lock:
            session = self.store.get("checkout.session", str(begun.session))
            try:
                checkout.pay(self.store, session, number, asked_owner=True)
            except StripeAnswersError:
                assert number == cards.DECLINED_LATER

    def expire(self, begun: Begun) -> None:
        """Nobody has paid on the page in time."""
        with self.store.lock:
            checkout.expire(self.store, self.store.get("checkout.session", str(begun.session)))

    def refund(self, charge: Object, cents: int) -> None:
        """Gives cents of a charge back."""
        with self.store.lock:
            at_stripe.refund(self.store, {"charge": charge["id"], "amount": str(cents)})

    def fail(self, refund: Object) -> None:
        """A refund does not reach its card."""
        with self.store.lock:
            at_stripe.fail_refund(self.store, refund["id"])

    def dispute(self, charge: Object) -> None:
        """The owner of a card wants what is left of a charge back."""
        with self.store.lock:
            at_stripe.open_dispute(self.store, charge["id"])

    def close(self, dispute: Object, *, won: bool) -> None:
        """The bank decides."""
        with self.store.lock:
            at_stripe.close_dispute(self.store, dispute["id"], won=won)

    def open_pages(self, begun: Iterable[Begun]) -> list[Begun]:
        """The payments whose page can be paid on, or expire."""
        return [
            one
            for one in begun
            if one.session and self.store.get("checkout.session", one.session)["status"] == "open"
        ]

    def refundable(self) -> list[Object]:
        """The charges of which something is left."""
        return [
            one
            for one in self.store.all("charge", status="succeeded", disputed=False)
            if one["amount_refunded"] < one["amount"]
        ]

    def refunds(self) -> list[Object]:
        """Those that may fail still: their charge is not disputed."""
        return [
            one
            for one in self.store.all("refund", status="succeeded")
            if not any(self.store.all("dispute", charge=one["charge"]))
        ]

    def disputes(self) -> list[Object]:
        """Those that are not decided."""
        return list(self.store.all("dispute", status="needs_response"))

    def news(self) -> list[bytes]:
        """The events since the last time, oldest first, of the kinds that an endpoint is set up for."""
        events = self._events.copy()
        self._events.clear()
        return [json.dumps(at_stripe.shown(event)).encode() for event in events if event["type"] in HANDLERS]


class Instance:
    """A database with organizations, and the inbox of a server process on it."""

    def __init__(self, database: Database, clock: Callable[[], datetime] = now) -> None:
        self.database = database
        self.inbox = Inbox(database, clock, _nobody)

    async def welcome(self, organizations: Sequence[UUID]) -> None:
        """Makes organizations whose saved card is charged by itself, though by no server meanwhile."""
        async with self.database.write() as session:
            for one in organizations:
                session.add(Organization(id=one, name="Acme", slug=one.hex))
            await session.flush()
            for one in organizations:
                session.add(
                    AutoTopUp(
                        organization_id=one,
                        threshold=1,
                        amount=1,
                        monthly_cap=1,
                        paused="Only events are applied.",
                    )
                )

    async def begin(self, begun: Sequence[Begun]) -> None:
        """Writes payments down as they begin; ahead of time, so that no server asks Stripe for late ones."""
        async with self.database.write() as session:
            session.add_all(
                Payment(
                    id=one.id, organization_id=one.organization, kind=one.kind, state=PaymentState.OPEN,
                    amount=one.cents, taken_back=0, session=one.session,
                    created_at=now() + timedelta(hours=1),
                )
                for one in begun
            )  # fmt: skip

    async def tell(self, events: Iterable[bytes]) -> None:
        """Writes events down and applies what is due."""
        for event in events:
            await self.inbox.receive(event)
        while await self.inbox.apply_due():
            pass

    async def free(self, organization: UUID) -> int:
        """Nano-dollars that can be spent."""
        async with self.database.write() as session:
            return await available(session, await open_fund(session, Fund(organization)))

    async def spend(self, organization: UUID, nano: int) -> None:
        """Uses credit up."""
        async with self.database.write() as session:
            accounts = await open_fund(session, Fund(organization))
            await post(session, [Movement(accounts.funded, accounts.spent, nano)], reference="spent")

    async def state(self, organizations: Sequence[UUID]) -> dict[str, Any]:
        """All that must not depend on how events came, once what is owed is collected."""
        for one in organizations:
            async with self.database.write() as session:
                await collect(session, one)
        async with self.database.read() as session:
            return dict(_rows(
                await session.scalars(
                    select(LedgerAccount).where(LedgerAccount.organization_id.in_(organizations))
                ),
                await session.scalars(select(Payment)),
                await session.scalars(select(Reversal)),
                await session.scalars(select(AutoTopUp)),
            ))  # fmt: skip


def _rows(
    accounts: Iterable[LedgerAccount],
    payments: Iterable[Payment],
    reversals: Iterable[Reversal],
    settings: Iterable[AutoTopUp],
) -> Iterator[tuple[str, Any]]:
    for account in accounts:
        if account.balance:
            yield f"{account.organization_id} {account.kind}", account.balance / NANO_PER_CENT
    for payment in payments:
        yield f"{payment.id}", (payment.state, payment.taken_back, payment.intent, payment.failure)
    for reversal in reversals:
        flags = (reversal.undone, reversal.is_taken, reversal.is_returned)
        yield reversal.stripe_id, (reversal.intent, reversal.amount, *flags)
    for setting in settings:
        yield f"{setting.organization_id} paused", setting.paused


async def _nobody(customer: str) -> None:
    raise AssertionError(f"{customer} has no subscription")
