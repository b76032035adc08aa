"""An organization's price terms."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.errors import InvalidInput


async def set_discount(session: AsyncSession, organization_id: UUID, basis_points: int) -> None:
    """Takes so many basis points (0 to 10,000) off the list's prices; 0 takes the discount away."""
    if not 0 <= basis_points <= 10_000:
        raise InvalidInput("A discount has 0 to 10,000 basis points.", field="basisPoints")
