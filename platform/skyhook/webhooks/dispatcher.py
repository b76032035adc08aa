"""Sends what is due, in the background of every server process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial

from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.encryption import SecretStore, SecretUnreadable
from skyhook.rounds import Rounds
from skyhook.webhooks.claims import Busy, Claim, claim_due, next_due
from skyhook.webhooks.events import webhook_id
from skyhook.webhooks.models import DeliveryState, WebhookAttempt, WebhookDelivery
from skyhook.webhooks.recording import record, sweep
from skyhook.webhooks.sending import AttemptError, Outcome, Sender
from skyhook.webhooks.signing import signed_headers

POLL_S = 5.0
"""How often a process looks for what others have published, or have left behind."""
SHORTEST_PAUSE_S = 0.05
"""Before the next look for a delivery that another process was just claiming."""
SWEEP_EVERY = timedelta(hours=1)
CLOSING_S = 5.0
"""How long requests may go on when the server stops; what is cut off is sent again by the next one."""

_log = logging.getLogger(__name__)


class Dispatcher(Rounds):
    """The requests of this process."""

    def __init__(
        self, database: Database, sender: Sender, secrets: SecretStore, clock: Callable[[], datetime]
    ) -> None:
        super().__init__(POLL_S, _log, "webhooks cannot be sent now")
        self._database = database
        self._sender = sender
        self._secrets = secrets
        self._clock = clock
        self.claimant = new_id()
        """The owner of this process's claims."""
        self._busy = Busy()
        self._sending: set[asyncio.Task[None]] = set()
        self._sweep_at = clock()

    async def close(self) -> None:
        """Begins nothing more, and waits a few seconds for what is being sent."""
        await super().close()
        if self._sending:
            _, late = await asyncio.wait(self._sending, timeout=CLOSING_S)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def deliver_due(self) -> int:
        """Sends what is due now and may begin, to its end; how many that were."""
        tasks = await self._begin_due(self._clock())
        await asyncio.gather(*tasks)
        return len(tasks)

    async def send(self, claim: Claim) -> WebhookAttempt | None:
        """Makes an attempt and writes it down; None where the endpoint was deleted meanwhile."""
        at = self._clock()
        try:
            secrets = [self._secrets.decrypt(one, claim.endpoint_id.bytes) for one in claim.secrets]
            headers = signed_headers(secrets, webhook_id(claim.event_id), at, claim.body)
            outcome = await self._sender.send(claim.url, headers, claim.body)
        except SecretUnreadable:
            _log.error("the secret of webhook endpoint %s is of another SKYHOOK_SECRET", claim.endpoint_id)
            outcome = Outcome(error=AttemptError.INTERNAL)
        except Exception:
            _log.exception("a webhook to endpoint %s could not be sent", claim.endpoint_id)
            outcome = Outcome(error=AttemptError.INTERNAL)
        async with self._database.write() as session:
            return await record(session, claim, self.claimant, outcome, at)

    async def look(self) -> float:
        """Begins what is due; for how many seconds there is nothing to do. A request that ends wakes us."""
        at = self._clock()
        await self._sweep(at)
        due = await self._next_due(at)
        if due is not None and due <= at:
            await self._begin_due(at)
            due = await self._next_due(at)
        if due is None or self._busy.free <= 0:
            return POLL_S
        return min(max((due - self._clock()).total_seconds(), SHORTEST_PAUSE_S), POLL_S)

    async def _next_due(self, at: datetime) -> datetime | None:
        return await self._database.read_at_once(partial(next_due, busy=self._busy.copy(), at=at))

    async def _begin_due(self, at: datetime) -> list[asyncio.Task[None]]:
        claims = await self._database.write_at_once(
            partial(claim_due, claimant=self.claimant, busy=self._busy.copy(), at=at)
        )
        tasks = []
        for claim in claims:
            self._busy.add(claim.endpoint_id, claim.organization_id)
            task = asyncio.create_task(self._deliver(claim))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            tasks.append(task)
        return tasks

    async def _deliver(self, claim: Claim) -> None:
        try:
            if claim.enabled:
                await self.send(claim)
            else:
                await self._give_up(claim)
        except Exception:
            _log.exception("what became of a webhook could not be written down; it is sent again")
        finally:
            self._busy.remove(claim.endpoint_id, claim.organization_id)
            self.wake()

    async def _give_up(self, claim: Claim) -> None:
        """The endpoint was turned off while the event was being published."""
        async with self._database.write() as session:
            delivery = await session.get(WebhookDelivery, claim.delivery_id, with_for_update=True)
            if delivery is not None and delivery.claimed_by == self.claimant:
                delivery.state = DeliveryState.FAILED
                delivery.claimed_by = delivery.claimed_until = None

    async def _sweep(self, at: datetime) -> None:
        if at < self._sweep_at:
            return
        async with self._database.write() as session:
            is_more = await sweep(session, at)
        if not is_more:
            self._sweep_at = at + SWEEP_EVERY
