"""Runs operations: admit, run, settle, answer. The one path for GraphQL, `/v1`, the console and agents."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

import msgspec

from skyhook.billing import Billing, Hold, IdempotentResult, Payer, Receipt, Served
from skyhook.catalogue.service import CatalogueModel
from skyhook.clock import now
from skyhook.compute.backend import Compute
from skyhook.compute.expenses import Expenses
from skyhook.operations.caller import Caller
from skyhook.plugins.failures import Failures
from skyhook.plugins.manifest import Operation, Plugin
from skyhook.usage.activity import Activity
from skyhook.usage.expenses import Spent

F = TypeVar("F")
A = TypeVar("A")
R = TypeVar("R")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What a caller asks for."""

    caller: Caller
    operation: str
    """The operation's name in its plugin's manifest."""
    arguments: Any
    """Everything that determines the answer, as something msgspec encodes; the fingerprint of a retry."""
    at_most: Mapping[str, int]
    """An upper bound of each meter, by the request alone; what is held is its price."""
    model: CatalogueModel | None = None
    idempotency_key: str | None = None
    fingerprint: bytes = field(init=False, default=b"")
    """Tells the request from others under its idempotency key; empty without one."""

    def __post_init__(self) -> None:
        if self.idempotency_key is not None:
            object.__setattr__(self, "fingerprint", _fingerprint(self))


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """An operation's result with what was held and charged for it, in nano-dollars."""

    result: T
    held: int
    charged: int
    replayed: bool


@dataclass(slots=True)
class Call:
    """A running call, as its body sees it."""

    asked: Asked
    hold: Hold
    _billing: Billing
    _compute: Compute
    quantities: dict[str, int] = field(default_factory=dict)
    """What was served so far, by meter."""
    expenses: Expenses = field(default_factory=Expenses)
    """What it cost the operator so far."""
    started_at: datetime = field(default_factory=now)
    _started: float = field(default_factory=time.perf_counter)

    async def compute(self, method: Callable[[F, A], R], argument: A) -> R:
        """Calls a function's method on the configured backend."""
        return await self._compute.call(method, argument, expenses=self.expenses)

    def stream(self, method: Callable[[F, A], Iterator[R]], argument: A) -> AsyncGenerator[R, None]:
        """Streams from a function's method on the configured backend."""
        return self._compute.stream(method, argument, expenses=self.expenses)

    @property
    def cost(self) -> int:
        """What the quantities so far cost, in nano-dollars; never more than was held."""
        model, payer = self.asked.model, self.asked.caller.organization_id
        cost = self._billing.cost(payer, self.quantities, model.name if model else None)
        return min(cost, self.hold.amount)

    @property
    def duration_ms(self) -> int:
        """Milliseconds since the call was admitted."""
        return round((time.perf_counter() - self._started) * 1000)


class Operations:
    """Admits calls, runs them and charges for what was served, exactly once."""

    def __init__(
        self,
        billing: Billing,
        compute: Compute,
        operations: Mapping[str, tuple[Plugin, Operation]],
        failures: Failures,
        activity: Activity,
    ) -> None:
        self._billing = billing
        self._compute = compute
        self._operations = operations
        self._failures = failures
        self._activity = activity

    async def run(
        self, asked: Asked, result_type: type[T], body: Callable[[Call], Awaitable[T]]
    ) -> Answer[T]:
        """Runs `body` as one call and settles it before it answers.

        Where `body` raises or is cancelled, the hold is released and nothing is charged.
        """
        stored = await self._begin(asked)
        if stored is not None:
            return Answer(msgspec.json.decode(stored, type=result_type), 0, 0, replayed=True)
        call = await self._admit(asked)
        try:
            result = await body(call)
            encoded = msgspec.json.encode(result) if asked.idempotency_key else b""
        except BaseException as error:
            self._abandon(call, error)
            raise
        receipt = await self._settle(call, "completed", encoded)
        if receipt.replayed is not None:
            result = msgspec.json.decode(receipt.replayed, type=result_type)
        return Answer(result, call.hold.amount, receipt.cost, replayed=receipt.replayed is not None)

    async def stream(
        self,
        asked: Asked,
        event_type: type[T],
        body: Callable[[Call], AsyncGenerator[T, None]],
        last: Callable[[Call], T],
        charged: Callable[[int, int], None],
    ) -> AsyncGenerator[T, None]:
        """Yields what `body` yields and then, once the call is durably charged, the event `last` makes.

        A caller who goes away is charged for what was served until then; a body that raises is free.
        `charged` is told what was held and charged, in nano-dollars, before the last event.
        """
        stored = await self._begin(asked)
        if stored is not None:
            for event in msgspec.json.decode(stored, type=list[event_type]):  # type: ignore[valid-type]
                yield event
            return
        call = await self._admit(asked)
        events: list[T] = []
        try:
            async with aclosing(body(call)) as parts:
                async for event in parts:
                    if asked.idempotency_key:
                        events.append(event)
                    yield event
            final = last(call)
            encoded = msgspec.json.encode([*events, final]) if asked.idempotency_key else b""
        except (GeneratorExit, asyncio.CancelledError):
            await self._settle_cancelled(call)
            raise
        except BaseException as error:
            self._abandon(call, error)
            raise
        receipt = await self._settle(call, "completed", encoded)
        charged(call.hold.amount, receipt.cost)
        yield final

    async def _begin(self, asked: Asked) -> bytes | None:
        _, operation = self._operations[asked.operation]
        asked.caller.require(operation.scope)
        if asked.idempotency_key is None:
            return None
        return await self._billing.idempotency.begin(
            asked.caller.organization_id, asked.idempotency_key, asked.operation, asked.fingerprint
        )

    async def _admit(self, asked: Asked) -> Call:
        caller = asked.caller
        payer = payer_of(caller)
        try:
            hold = await self._billing.hold(payer, asked.at_most, asked.model.name if asked.model else None)
        except BaseException as error:
            self._count_failure(asked, error)
            self._forget_key(asked)
            raise
        self._activity.began(caller.organization_id)
        return Call(asked, hold, self._billing, self._compute)

    def _abandon(self, call: Call, error: BaseException) -> None:
        plugin, operation = self._operations[call.asked.operation]
        self._failures.note(call.asked.caller.organization_id, plugin.name, operation.name, error)
        self._activity.ended(call.asked.caller.organization_id)
        self._count_failure(call.asked, error)
        self._note_expenses(call)
        self._billing.release(call.hold)
        self._forget_key(call.asked)

    def _count_failure(self, asked: Asked, error: BaseException) -> None:
        if isinstance(error, Exception):  # who went away is no failure
            self._activity.failed(asked.caller.organization_id)

    def _note_expenses(self, call: Call) -> None:
        """What a call cost that is not charged."""
        if (spent := call.expenses.known) is not None:
            asked = call.asked
            plugin, operation = self._operations[asked.operation]
            model = asked.model.name if asked.model else None
            organization = asked.caller.organization_id
            self._activity.expenses.add(
                Spent(organization, plugin.name, operation.name, model, call.started_at, False, 0, spent)
            )

    def _forget_key(self, asked: Asked) -> None:
        if asked.idempotency_key is not None:
            self._billing.idempotency.abandon(asked.caller.organization_id, asked.idempotency_key)

    async def _settle_cancelled(self, call: Call) -> None:
        self._forget_key(call.asked)
        if call.quantities:
            await self._settle(call, "cancelled", None)
        else:
            self._note_expenses(call)
            self._activity.ended(call.asked.caller.organization_id)
            self._billing.release(call.hold)

    async def _settle(self, call: Call, outcome: str, result: bytes | None) -> Receipt:
        asked = call.asked
        plugin, operation = self._operations[asked.operation]
        caller = asked.caller
        idempotency = None
        if asked.idempotency_key is not None and result is not None:
            idempotency = IdempotentResult(asked.idempotency_key, asked.operation, asked.fingerprint, result)
        served = Served(
            payer=payer_of(caller),
            hold=call.hold,
            plugin=plugin.name,
            operation=operation.name,
            model=asked.model.name if asked.model else None,
            quantities=call.quantities,
            outcome=outcome,
            started_at=call.started_at,
            duration_ms=call.duration_ms,
            idempotency=idempotency,
            expenses=call.expenses.known,
        )
        # Once served, a call is charged, also where the caller is cancelled while it waits for that.
        try:
            return await self._billing.settle(served)
        finally:
            self._activity.ended(caller.organization_id)


def payer_of(caller: Caller) -> Payer:
    """Who pays for what a caller asks."""
    return Payer(
        caller.organization_id,
        caller.key_id,
        caller.user_id,
        caller.monthly_budget,
        budget_key_id=caller.limits_key_id,
    )


def _fingerprint(asked: Asked) -> bytes:
    model = asked.model.name if asked.model else None
    content = msgspec.json.encode((asked.operation, model, asked.arguments), order="deterministic")
    return hashlib.sha256(content).digest()
