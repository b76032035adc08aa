"""Who did something: members by their e-mail address, keys by their name."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import select

from skyhook.keys.models import Key
from skyhook.services import Services


async def names_of(services: Services, organization_id: UUID, ids: Iterable[UUID | None]) -> dict[UUID, str]:
    """The names of users and of the organization's keys, by their ids; what is gone has none."""
    wanted = {one for one in ids if one is not None}
    if not wanted:
        return {}
    names = {user.id: user.email for user in (await services.accounts.users(list(wanted))).values()}
    async with services.database.read() as session:
        query = select(Key).where(Key.id.in_(wanted), Key.organization_id == organization_id)
        return names | {key.id: f"{key.name} ({key.public_id})" for key in await session.scalars(query)}
