"""GraphQL of keys: list, create, rotate and revoke them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import BigInt
from skyhook.keys import models
from skyhook.keys.format import PREFIX
from skyhook.keys.service import KeyLimits
from skyhook.scopes import KEYS_READ, KEYS_WRITE


@strawberry.type(description="An API key, without its secret.")
class Key(ByUuid, Node):
    """A key of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    name: str
    prefix: str = strawberry.field(description="How the key begins; enough to recognize it.")
    scopes: list[str]
    rate_limit_per_minute: int | None = strawberry.field(
        description="Points a minute; a simple call costs 1."
    )
    monthly_budget: BigInt | None = strawberry.field(
        description="Nano-dollars for each calendar month in UTC."
    )
    allowed_ips: list[str] = strawberry.field(
        description="Addresses and networks; empty allows every address."
    )
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, key: models.Key) -> Key:
        """The GraphQL form of a row."""
        return cls(
            id=str(key.id),
            name=key.name,
            prefix=f"{PREFIX}{key.public_id}",
            scopes=key.scopes,
            rate_limit_per_minute=key.rate_limit_per_minute,
            monthly_budget=cast("BigInt | None", key.monthly_budget),
            allowed_ips=key.allowed_ips,
            expires_at=key.expires_at,
            revoked_at=key.revoked_at,
            last_used_at=key.last_used_at,
            created_at=key.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Keys of the caller's organization."""
        info.context.caller.require(KEYS_READ)
        return select(models.Key).where(
            models.Key.id.in_(ids),
            models.Key.organization_id == info.context.caller.organization_id,
        )


@strawberry.type(description="A new key with its secret, which is shown this once.")
class NewKey:
    """A key at its birth."""

    key: Key
    secret: str = strawberry.field(description="The whole key, as it goes into the Authorization header.")


@strawberry.input(description="What a new key may do.")
class KeyCreateInput:
    """A name and limits."""

    name: str
    scopes: list[str] = strawberry.field(
        description="Such as chat:complete, chat:* or *; never more than the caller's own."
    )
    rate_limit_per_minute: int | None = strawberry.field(
        default=None, description="Points a minute; a simple call costs 1."
    )
    monthly_budget: BigInt | None = strawberry.field(
        default=None, description="Nano-dollars for each calendar month in UTC."
    )
    expires_at: datetime | None = None
    allowed_ips: list[str] = strawberry.field(
        default_factory=list, description="Addresses and networks (CIDR); empty allows every address."
    )


KeyId = Annotated[GlobalID, strawberry.argument(description="The key's id.")]
OverlapSeconds = Annotated[
    int, strawberry.argument(description="How long the old key goes on working: 0 to 2592000 (30 days).")
]


@strawberry.type
class KeysMutation:
    """Root fields of keys."""

    @strawberry.mutation(description="Creates a key and shows its secret, this once.")
    async def key_create(self, info: Info, input: KeyCreateInput) -> NewKey:
        """A new key."""
        info.context.caller.require(KEYS_WRITE)
        info.context.caller.require_recent()
        limits = KeyLimits(
            scopes=input.scopes,
            rate_limit_per_minute=input.rate_limit_per_minute,
            monthly_budget=input.monthly_budget,
            expires_at=input.expires_at,
            allowed_ips=input.allowed_ips,
        )
        key, text = await info.context.services.keys.create(info.context.caller, input.name, limits)
        return NewKey(key=Key.of(key), secret=text)

    @strawberry.mutation(description="Replaces a key by a new one with the same limits; both work a while.")
    async def key_rotate(self, info: Info, id: KeyId, overlap_seconds: OverlapSeconds = 86_400) -> NewKey:
        """The successor of a key."""
        info.context.caller.require(KEYS_WRITE)
        info.context.caller.require_recent()
        overlap = timedelta(seconds=overlap_seconds)
        key, text = await info.context.services.keys.rotate(
            info.context.caller, node_uuid(id, "Key", "id"), overlap
        )
        return NewKey(key=Key.of(key), secret=text)

    @strawberry.mutation(description="Revokes a key for good: at once here, within 5 seconds everywhere.")
    async def key_revoke(self, info: Info, id: KeyId) -> Key:
        """The revoked key."""
        info.context.caller.require(KEYS_WRITE)
        key = await info.context.services.keys.revoke(info.context.caller, node_uuid(id, "Key", "id"))
        return Key.of(key)


async def keys_of(info: Info, organization_id: UUID, page: Page) -> Connection[Key]:
    """A page of an organization's keys, newest first."""
    query = select(models.Key).where(models.Key.organization_id == organization_id)
    order = Order(models.Key.created_at, models.Key.id, descending=True)
    async with info.context.services.database.read() as session:
        return await paginate(session, query, page, order, Key.of)
