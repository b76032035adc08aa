"""Everything that changes something does it here: once for its idempotency key, and noted with who did it.

**Why a crash loses nothing and moves nothing twice.** An action, what it moves in the ledger and what it
writes beside it are one transaction. Its charge is the platform's, a second transaction after it:

- A crash before the first commits nothing; a retry does it all.
- A crash between the two leaves the action done and not charged. A retry with the idempotency key runs the
  body again: the action's id derives from the key, so it is found done, nothing moves, and it is charged now.
- After the second, the platform answers the retry from what it stored.

Two servers that are asked with one key at the same time: the second waits at the action's row until the
first commits, and finds it done; the platform charges one of them. Without a key nothing is retried by the
server, and a client that lost its answer looks at what moved before it asks again.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias
from uuid import UUID, uuid5

from msgspec import Struct
from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.plugin import Caller, Database, IdempotencyKeyReused, new_id, now
from skyhook_money.activity import WATCHERS
from skyhook_money.tables import Action, Wallet

_NAMESPACE = UUID("8f1f4d5e-60a1-4f5e-9f0b-1f6f0c3f2a77")

Work: TypeAlias = Callable[[AsyncSession, UUID], Awaitable[Sequence[Wallet]]]
"""Does it within the unit of work, under the id that is given; returns the wallets that got entries."""


class Order(Struct, frozen=True):
    """What is to be done, as far as its idempotency goes."""

    operation: str
    caller: Caller | None
    """None for the operator."""
    key: str | None
    fingerprint: bytes
    """Tells the request from others under its key."""


def id_of(organization_id: UUID | None, key: str | None) -> UUID:
    """The id of what an organization does under an idempotency key; a new one without a key."""
    return new_id() if key is None else uuid5(_NAMESPACE, f"{organization_id}/{key}")


async def once(database: Database, order: Order, work: Work, subject_id: UUID | None = None) -> UUID:
    """Does `work`, unless the order's key did it before; returns the id of what it made, or of the subject.

    Raises IdempotencyKeyReused where the key did something else, and what `work` raises.
    """
    made = subject_id or new_id()
    async with database.write() as session:
        if (done := await _note(session, order, made)) is not None:
            return done
        wallets = await work(session, made)
    WATCHERS.wake(wallet.organization_id for wallet in wallets)
    return made


async def _note(session: AsyncSession, order: Order, subject_id: UUID) -> UUID | None:
    """Writes the action's row; the subject of one that was there before. Waits for one that is being done."""
    caller = order.caller
    organization_id = caller.organization_id if caller else None
    action_id = id_of(organization_id, order.key)
    insert = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    row = {
        "id": action_id,
        "organization_id": organization_id,
        "user_id": caller.user_id if caller else None,
        "key_id": caller.key_id if caller else None,
        "operation": order.operation,
        "subject_id": subject_id,
        "fingerprint": order.fingerprint,
        "created_at": now(),
    }
    noted = insert(Action).values(row).on_conflict_do_nothing().returning(Action.id)
    if await session.scalar(noted) is not None:
        return None
    done = (await session.scalars(select(Action).where(Action.id == action_id))).one()
    if (done.operation, done.fingerprint) != (order.operation, order.fingerprint):
        raise IdempotencyKeyReused(
            "This idempotency key belongs to another request. Use a new key for a new request.",
            field="idempotencyKey",
        )
    return done.subject_id
