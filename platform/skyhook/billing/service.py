"""Billing: what the way of a call sees of prices, credit, budgets and settlement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from skyhook import clock as clocks
from skyhook.billing import credit, grants, reservations, statement, terms
from skyhook.billing.calls import Balance, Hold, Payer, Receipt, Served
from skyhook.billing.errors import InsufficientCredit
from skyhook.billing.funds import Fund, month_of
from skyhook.billing.grants import USUAL_PRIORITY, Grant
from skyhook.billing.idempotency import Idempotency
from skyhook.billing.leases import LeaseBook
from skyhook.billing.lookups import Lookups
from skyhook.billing.prices import PriceList, seed, set_price
from skyhook.billing.rates import NO_TERMS, Offer, PriceKey, Rate, offers_of
from skyhook.billing.reservations import Reservation, ServedJob
from skyhook.billing.settlement import Settlement
from skyhook.billing.statement import Entries, OpenHold, StatementLine
from skyhook.billing.terms import PriceChange
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.ledger.errors import InsufficientFunds
from skyhook.ledger.holds import accounts_with_expired, expire
from skyhook.plugins.manifest import Meter, Model
from skyhook.usage import rollups

TICK_S = 1.0
"""How often idle credit goes back, so that other processes can use it."""
RENEW_EVERY = timedelta(seconds=10)
SWEEP_EVERY = timedelta(seconds=30)

T = TypeVar("T")
_log = logging.getLogger(__name__)


class Billing:
    """One for each server process. All amounts are nano-dollars."""

    def __init__(self, database: Database, *, clock: Callable[[], datetime] = clocks.now) -> None:
        self._database = database
        self._clock = clock
        self.replica_id = new_id()
        """The owner of this process's leases."""
        self.prices = PriceList(clock)
        self.idempotency = Idempotency(database, clock)
        self._leases = LeaseBook(database, self.replica_id, clock)
        self._settlement = Settlement(database, self.prices, self._leases, self.idempotency, clock)
        self._months: Lookups[UUID, None] = Lookups(self._learn)
        self._renew_at = self._sweep_at = clock()
        self._maintenance: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Loads the prices and keeps the leases alive from here on."""
        await self.load_prices()
        self._renew_at, self._sweep_at = self._clock() + RENEW_EVERY, self._clock() + SWEEP_EVERY
        self._maintenance = asyncio.create_task(self._maintain_forever())

    async def close(self) -> None:
        """Writes the settlements that wait and gives the leases back. No call may run any more."""
        if self._maintenance is not None:
            self._maintenance.cancel()
            await asyncio.gather(self._maintenance, return_exceptions=True)
        await self._settlement.drain()
        await self._leases.close()

    async def seed_prices(self, meters: Iterable[Meter], models: Iterable[Model]) -> None:
        """Adds the prices of the plugins' manifests where the price list has none."""
        async with self._database.write() as session:
            await seed(session, meters, models)
        await self.load_prices()

    async def set_prices(self, model: str | None, prices: Mapping[str, int]) -> None:
        """Prices from now on, nano-dollars for each unit by meter; a model's own, or those of all others.

        Raises UnknownMeter, InvalidInput, PricesRise.
        """
        await self.load_prices()
        self.prices.cost(dict.fromkeys(prices, 0), None, None)
        async with self._database.write() as session:
            for meter, price in prices.items():
                await set_price(session, meter, model, price, self._clock())

    async def set_price(self, change: PriceChange, organization_id: UUID | None) -> None:
        """Sets a price of the list, or with an organization a price of its own, from now or later on.

        Raises UnknownMeter, InvalidInput, PricesRise.
        """
        now = self._clock()
        at = change.effective_at or now
        if at < now:
            raise InvalidInput("A price begins now or later: calls before are charged.", field="effectiveAt")
        await self.load_prices()
        self.prices.cost({change.meter: 0}, None, None)
        async with self._database.write() as session:
            if organization_id is None:
                await set_price(
                    session, change.meter, change.model, change.price, at, from_quantity=change.from_quantity
                )
            else:
                await terms.set_override(
                    session, organization_id, change.meter, change.model, change.price, at,
                    ends_at=change.ends_at, from_quantity=change.from_quantity,
                )  # fmt: skip

    async def end_overrides(self, organization_id: UUID, meter: str, model: str | None) -> int:
        """Ends an organization's own prices of a meter and model; how many there were."""
        async with self._database.write() as session:
            return await terms.end_overrides(session, organization_id, meter, model, self._clock())

    async def set_discount(self, organization_id: UUID, basis_points: int) -> None:
        """Takes so much off the list's prices from now on. Raises InvalidInput."""
        async with self._database.write() as session:
            await terms.set_discount(session, organization_id, basis_points)

    async def rates(self, organization_id: UUID) -> Mapping[PriceKey, Rate]:
        """What an organization is charged now, by meter and model, at the tier that it has reached."""
        if self.prices.must_learn(organization_id):
            await self._months.get(organization_id)
        return self.prices.current(organization_id)

    async def offers(self, organization_id: UUID | None) -> list[Offer]:
        """Every price as an organization has it, beside the list's; for None, the list's alone."""
        if organization_id is None:
            return offers_of(self.prices.ladders(), NO_TERMS, self.prices.current(None))
        rates = await self.rates(organization_id)
        return offers_of(self.prices.ladders(), self.prices.terms(organization_id), rates)

    def cost(self, organization_id: UUID, quantities: Mapping[str, int], model: str | None) -> int:
        """What these quantities cost an organization now. Raises UnknownMeter, InvalidInput."""
        return self.prices.cost(quantities, model, organization_id)

    async def hold(self, payer: Payer, quantities: Mapping[str, int], model: str | None) -> Hold:
        """Sets aside what a call can cost at most; it ends with `settle` or `release`.

        Raises InsufficientCredit, BudgetExceeded, UnknownMeter.
        """
        if self.prices.must_learn(payer.organization_id):
            await self._months.get(payer.organization_id)
        amount = self.prices.most(quantities, model, payer.organization_id)
        if amount == 0:
            return Hold(0)
        if payer.monthly_budget is None or payer.key_id is None:
            return Hold(amount, (await self._leases.take(Fund(payer.organization_id), amount),))
        fund = Fund(payer.organization_id, payer.budget_key_id or payer.key_id, month_of(self._clock()))
        budget = await self._leases.take(fund, amount, payer.monthly_budget)
        try:
            lease = await self._leases.take(Fund(payer.organization_id), amount)
        except BaseException:
            budget.settle(amount, 0)
            raise
        return Hold(amount, (lease, budget))

    def release(self, hold: Hold) -> None:
        """Ends a hold without a charge. Raises ValueError where it has ended before."""
        for lease in hold.consume():
            lease.settle(hold.amount, 0)

    async def settle(self, served: Served) -> Receipt:
        """Charges a call the smaller of its cost and its hold, and ends the hold; durable when it returns.

        A caller that is cancelled meanwhile is charged all the same. Raises UnknownMeter,
        IdempotencyKeyReused, and InsufficientCredit where the hold was lost while the database was away;
        nothing is charged then.
        """
        return await self._settlement.settle(served)

    async def reserve(
        self,
        payer: Payer,
        quantities: Mapping[str, int],
        model: str | None,
        write: Callable[[AsyncSession, Reservation], Awaitable[T]],
    ) -> T:
        """Sets aside what a job can cost at most, in one unit of work with what `write` writes.

        It ends with `charge` or `give_back`. Raises as `hold` does.
        """
        hold = await self.hold(payer, quantities, model)
        leases = hold.consume()
        moved = 0
        try:
            async with self._database.write() as session:
                reservation = await reservations.reserve(session, hold.amount, leases)
                written = await write(session, reservation)
            moved = hold.amount
        except InsufficientFunds as error:
            raise InsufficientCredit(
                "Too little credit is left for this job. Add credit, then try again."
            ) from error
        finally:
            for lease in leases:
                lease.settle(hold.amount, moved)
        return written

    async def charge(self, session: AsyncSession, job: ServedJob) -> int:
        """Charges a job for what it served and gives the rest of its reservation back; returns its cost.

        Within the caller's unit of work, which must be the only one to end this job. Raises UnknownMeter.
        """
        if self.prices.must_learn(job.payer.organization_id):
            await self.prices.learn(session, (job.payer.organization_id,))
        return await reservations.charge(session, self.prices, job)

    async def give_back(self, session: AsyncSession, reservation: Reservation) -> None:
        """Gives back what was set aside for a job that costs nothing, within the caller's unit of work."""
        await reservations.give_back(session, reservation)

    async def grant(
        self,
        organization_id: UUID,
        amount: int,
        *,
        reason: str,
        key: str,
        expires_at: datetime | None = None,
        priority: int = USUAL_PRIORITY,
    ) -> UUID:
        """Adds promotional credit, once for each `key` of the organization; the ledger transfer's id.

        Raises TransferKeyReused, InvalidInput.
        """
        async with self._database.write() as session:
            return await credit.grant(
                session, organization_id, amount, reason=reason, key=key, expires_at=expires_at,
                priority=priority, at=self._clock(),
            )  # fmt: skip

    async def balance(self, organization_id: UUID) -> Balance:
        """The organization's credit."""
        async with self._database.read() as session:
            return await credit.balance(session, organization_id)

    async def statement(
        self, organization_id: UUID, limit: int, wanted: Entries | None = None
    ) -> Sequence[StatementLine]:
        """What happened to the credit, newest first."""
        async with self._database.read() as session:
            return await statement.statement(session, organization_id, limit, wanted or Entries())

    async def grants(self, organization_id: UUID, limit: int) -> Sequence[Grant]:
        """The credit that is left, by how it was added, in the order in which it is spent."""
        async with self._database.read() as session:
            return await grants.unspent(session, organization_id, limit)

    async def open_holds(self, organization_id: UUID) -> Sequence[OpenHold]:
        """What of the credit is set aside now, oldest first."""
        async with self._database.read() as session:
            return await statement.open_holds(session, organization_id)

    async def budgets_spent(self, organization_id: UUID, key_ids: Sequence[UUID]) -> Mapping[UUID, int]:
        """What was charged to these keys' budgets in this month, where it is anything."""
        month = month_of(self._clock())
        async with self._database.read() as session:
            return await statement.budgets_spent(session, organization_id, month, key_ids)

    async def maintain(self) -> None:
        """One round of upkeep: idle credit goes back, leases are renewed and what has expired is swept."""
        now = self._clock()
        await self._leases.return_idle()
        if now >= self._renew_at:
            self._renew_at = now + RENEW_EVERY
            await self._leases.renew()
        if now >= self._sweep_at:
            self._sweep_at = now + SWEEP_EVERY
            await self._sweep(now)
            await self.load_prices()

    async def _sweep(self, now: datetime) -> None:
        async with self._database.read() as session:
            accounts = await accounts_with_expired(session, now)
        for account in accounts:
            async with self._database.write() as session:
                await expire(session, account, now)
        async with self._database.write() as session:
            await self.idempotency.sweep(session)
            await rollups.roll_days(session, now)
        await grants.expire_due(self._database, now)

    async def load_prices(self) -> None:
        """Reads the price list anew."""
        async with self._database.read() as session:
            await self.prices.load(session)

    async def _learn(self, organization_ids: Sequence[UUID]) -> Mapping[UUID, None]:
        async with self._database.read() as session:
            await self.prices.learn(session, organization_ids)
        return {}

    async def _maintain_forever(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.maintain()
            except Exception:
                _log.exception("billing's upkeep failed and is tried again in %s s", TICK_S)
