"""GraphQL of billing: the balance and the price list."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import strawberry

from skyhook.graphql.context import Info
from skyhook.graphql.scalars import BigInt


@strawberry.type(description="An organization's prepaid credit, in nano-dollars.")
class Balance:
    """What is left to spend."""

    balance: BigInt = strawberry.field(description="Granted and not yet charged.")
    held: BigInt = strawberry.field(
        description="Set aside for calls that run, and by servers for the next ones."
    )
    available: BigInt = strawberry.field(description="balance - held.")


async def balance_of(info: Info, organization_id: UUID) -> Balance:
    """An organization's balance."""
    found = await info.context.services.billing.balance(organization_id)
    return Balance(
        balance=cast(BigInt, found.balance),
        held=cast(BigInt, found.held),
        available=cast(BigInt, found.available),
    )
