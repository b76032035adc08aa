"""What billing and the way of a call tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

if TYPE_CHECKING:
    from skyhook.billing.lease import Lease


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays for a call, and who is named in its usage."""

    organization_id: UUID
    key_id: UUID | None
    user_id: UUID | None
    monthly_budget: int | None
    """The key's, in nano-dollars for each calendar month in UTC."""
    budget_key_id: UUID | None = None
    """The key whose budget it is, where that is another one: rotated keys share the first one's."""


class Hold:
    """An amount set aside in this process for one call, until it is settled or released."""

    __slots__ = ("_leases", "amount")

    def __init__(self, amount: int, leases: tuple[Lease, ...] = ()) -> None:
        self.amount = amount
        """In nano-dollars: the most that the call can cost."""
        self._leases: tuple[Lease, ...] | None = leases

    def consume(self) -> tuple[Lease, ...]:
        """Ends the hold; the leases it was promised by. Raises ValueError where it has ended before."""
        leases, self._leases = self._leases, None
        if leases is None:
            raise ValueError("this hold was settled or released before")
        return leases


@dataclass(frozen=True, slots=True)
class IdempotentResult:
    """The result to store under a call's idempotency key."""

    key: str
    operation: str
    fingerprint: bytes
    result: bytes
    """The answer, as JSON."""


@dataclass(frozen=True, slots=True)
class Served:
    """A call that was served, to be charged."""

    payer: Payer
    hold: Hold
    plugin: str
    operation: str
    model: str | None
    quantities: Mapping[str, int]
    """By meter, in the meter's unit; empty where nothing is to be charged."""
    outcome: str
    """`completed`, `cancelled` or `failed`."""
    started_at: datetime
    duration_ms: int
    idempotency: IdempotentResult | None
    expenses: Mapping[str, tuple[int, int]] | None = None
    """What it cost the operator, by function: microseconds and nano-dollars; None where nobody knows."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """Proof of a settlement that is durable."""

    usage_event_id: UUID
    cost: int
    """In nano-dollars."""
    replayed: bytes | None
    """The stored result, where another call with this idempotency key was first; this one cost nothing."""


@dataclass(frozen=True, slots=True)
class Balance:
    """An organization's credit, in nano-dollars."""

    balance: int
    held: int
    """Set aside for calls that run, by the server processes that run them."""
    available: int
    """`balance - held`."""
