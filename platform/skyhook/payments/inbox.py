"""Stripe's events: written down once before they are acknowledged, then applied in the background."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from sqlalchemy import delete, select, update

from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound
from skyhook.ledger.service import insert_if_absent
from skyhook.payments import events
from skyhook.payments.models import EventState, StripeEvent
from skyhook.rounds import Rounds

POLL_S = 5.0
AT_ONCE = 100
"""Events of one look."""
TRIES = 10
LONGEST_WAIT = timedelta(hours=6)
KEPT = timedelta(days=90)
SWEEP_EVERY = timedelta(hours=1)

_log = logging.getLogger(__name__)


class Inbox(Rounds):
    """The events of all server processes; each process applies what no other one does."""

    def __init__(
        self,
        database: Database,
        clock: Callable[[], datetime],
        follow: Callable[[str], Awaitable[None]],
    ) -> None:
        super().__init__(POLL_S, _log, "Stripe's events cannot be applied now")
        self._database = database
        self._clock = clock
        self._follow = follow
        """Makes what belongs to a customer of Stripe's what it is there."""
        self._sweep_at = clock()

    async def receive(self, body: bytes) -> None:
        """Writes an event down; durable when this returns. Raises InvalidInput for what is no event."""
        try:
            event = json.loads(body)
            identifier, kind, _ = event["id"], event["type"], event["data"]["object"]
        except (ValueError, KeyError, TypeError) as error:
            raise InvalidInput("This is no event of Stripe's.") from error
        at = self._clock()
        values = {
            "id": identifier, "type": kind, "body": body, "state": EventState.PENDING, "attempts": 0,
            "next_attempt_at": at, "received_at": at,
        }  # fmt: skip
        async with self._database.write() as session:
            await session.execute(insert_if_absent(session, StripeEvent).values(values))
        self.wake()

    async def replay(self, identifier: str | None = None) -> int:
        """Applies an event again, or all that were given up; how many. Raises NotFound."""
        which = StripeEvent.state == EventState.FAILED if identifier is None else StripeEvent.id == identifier
        async with self._database.write() as session:
            rows = await session.scalars(
                update(StripeEvent)
                .where(which)
                .values(state=EventState.PENDING, attempts=0, error=None, next_attempt_at=self._clock())
                .returning(StripeEvent.id)
            )
            count = len(rows.all())
        if identifier is not None and not count:
            raise NotFound(f"There is no event {identifier}.")
        self.wake()
        return count

    async def apply_due(self) -> int:
        """Applies what is due now; how many events that were."""
        async with self._database.read() as session:
            due = await session.execute(
                select(StripeEvent.id, StripeEvent.type)
                .where(StripeEvent.state == EventState.PENDING, StripeEvent.next_attempt_at <= self._clock())
                .order_by(StripeEvent.next_attempt_at)
                .limit(AT_ONCE)
            )
            rows = due.all()
        for identifier, kind in rows:
            await self._apply(identifier, kind)
        return len(rows)

    async def _apply(self, identifier: str, kind: str) -> None:
        """Applies an event and marks it done in one unit of work, so that its effect stands exactly once.

        Where Stripe is asked instead, that comes before: no lock waits for its answer, and to ask twice does
        no harm.
        """
        try:
            if kind in events.FOLLOWED:
                await self._follow(await self._customer_of(identifier))
            async with self._database.write() as session:
                event = await session.scalar(
                    select(StripeEvent)
                    .where(StripeEvent.id == identifier, StripeEvent.state == EventState.PENDING)
                    .with_for_update(skip_locked=True)
                )
                if event is None:
                    return  # another process applies it, or has
                await events.handle(session, event.type, json.loads(event.body)["data"]["object"])
                event.state, event.error, event.ended_at = EventState.DONE, None, self._clock()
        except Exception as error:
            _log.exception("Stripe's event %s could not be applied", identifier)
            await self._put_off(identifier, f"{type(error).__name__}: {error}")

    async def _customer_of(self, identifier: str) -> str:
        async with self._database.read() as session:
            event = await session.get_one(StripeEvent, identifier)
        return str(json.loads(event.body)["data"]["object"]["customer"])

    async def _put_off(self, identifier: str, why: str) -> None:
        async with self._database.write() as session:
            event = await session.get(StripeEvent, identifier, with_for_update=True)
            if event is None or event.state != EventState.PENDING:
                return
            event.attempts, event.error = event.attempts + 1, why[:300]
            event.next_attempt_at = self._clock() + min(timedelta(seconds=2**event.attempts), LONGEST_WAIT)
            if event.attempts >= TRIES:
                event.state = EventState.FAILED

    async def look(self) -> float:
        """A round."""
        more = await self.apply_due()
        await self._sweep()
        return POLL_S if more < AT_ONCE else 0.0

    async def _sweep(self) -> None:
        """Forgets events of long ago."""
        if self._clock() < self._sweep_at:
            return
        self._sweep_at = self._clock() + SWEEP_EVERY
        async with self._database.write() as session:
            await session.execute(
                delete(StripeEvent).where(
                    StripeEvent.state == EventState.DONE, StripeEvent.received_at < self._clock() - KEPT
                )
            )
