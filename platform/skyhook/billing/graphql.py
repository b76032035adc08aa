"""GraphQL of billing: the balance and the price list."""

from __future__ import annotations

from typing import cast
from uuid import UUID

import strawberry

from skyhook.graphql.context import Info
from skyhook.graphql.scalars import BigInt
from skyhook.scopes import BILLING_READ


@strawberry.type(description="An organization's prepaid credit, in nano-dollars.")
class Balance:
    """What is left to spend."""

    balance: BigInt = strawberry.field(description="Granted and not yet charged.")
    held: BigInt = strawberry.field(
        description="Set aside for calls that run, and by servers for the next ones."
    )
    available: BigInt = strawberry.field(description="balance - held.")


@strawberry.type(description="What one unit of a meter costs now.")
class Price:
    """A price of the price list."""

    meter: str
    title: str
    unit: str
    model: str | None = strawberry.field(
        description="The model that this price is for; null for all that have no price of their own."
    )
    price: BigInt = strawberry.field(description="Nano-dollars for each unit.")


@strawberry.type
class BillingQuery:
    """Root fields of billing."""

    @strawberry.field(description="The price list as it stands now, by meter and model.")
    async def prices(self, info: Info) -> list[Price]:
        """Every price."""
        info.context.caller.require(BILLING_READ)
        services = info.context.services
        current = services.billing.prices.current()
        return [
            Price(
                meter=meter.name,
                title=meter.title,
                unit=meter.unit,
                model=model,
                price=cast(BigInt, price),
            )
            for meter in services.plugins.meters
            for (name, model), price in current.items()
            if name == meter.name
        ]


async def balance_of(info: Info, organization_id: UUID) -> Balance:
    """An organization's balance."""
    found = await info.context.services.billing.balance(organization_id)
    return Balance(
        balance=cast(BigInt, found.balance),
        held=cast(BigInt, found.held),
        available=cast(BigInt, found.available),
    )
