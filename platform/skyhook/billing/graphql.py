"""GraphQL of billing: the balance, the statement, what is set aside, and the price list."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import cast
from uuid import UUID

import strawberry
from strawberry.relay import PageInfo

from skyhook.billing.models import GrantCategory
from skyhook.billing.rates import Ladder, Offer
from skyhook.billing.statement import Entries, StatementLine
from skyhook.errors import InvalidInput
from skyhook.graphql.connections import Connection, Edge, Page, cursor_of, id_of_cursor
from skyhook.graphql.context import Info
from skyhook.graphql.cost import page_size
from skyhook.graphql.scalars import BigInt
from skyhook.scopes import BILLING_READ

MOST_GRANTS = 100


@strawberry.type(description="An organization's prepaid credit, in nano-dollars.")
class Balance:
    """What is left to spend."""

    balance: BigInt = strawberry.field(description="Granted and not yet charged.")
    held: BigInt = strawberry.field(
        description="Set aside for calls that run, and by servers for the next ones."
    )
    available: BigInt = strawberry.field(description="balance - held.")


@strawberry.type(description="How many calls of one operation were charged together.")
class ChargedOperation:
    """An operation of a charge."""

    operation: str
    calls: int


@strawberry.type(description="Something that happened to an organization's credit.")
class StatementEntry:
    """One entry of the statement."""

    at: datetime
    reference: str = strawberry.field(
        description="Why, in the words of whoever added credit; `usage` for calls and jobs."
    )
    amount: BigInt = strawberry.field(description="Nano-dollars; below zero for what was charged.")
    balance: BigInt = strawberry.field(description="Nano-dollars, after the entry.")
    operations: list[ChargedOperation] = strawberry.field(
        description="What was charged; empty for added credit and for jobs."
    )

    @classmethod
    def of(cls, line: StatementLine) -> StatementEntry:
        """The GraphQL form of a line."""
        return cls(
            at=line.at,
            reference=line.reference,
            amount=cast(BigInt, line.amount),
            balance=cast(BigInt, line.balance),
            operations=[ChargedOperation(operation=name, calls=n) for name, n in line.operations.items()],
        )


@strawberry.type(description="A part of the credit that is set aside.")
class CreditHold:
    """An open hold."""

    amount: BigInt = strawberry.field(description="Nano-dollars that are still set aside.")
    since: datetime
    is_lease: bool = strawberry.field(
        description="Set aside by a server for its calls, and given back when idle; otherwise a job's."
    )


@strawberry.enum(description="What sort of credit a grant is.")
class CreditCategory(Enum):
    PROMOTIONAL = strawberry.enum_value(GrantCategory.PROMOTIONAL.value, description="Given by the platform.")
    PLAN = strawberry.enum_value(GrantCategory.PLAN.value, description="Included in a plan's month.")
    PAID = strawberry.enum_value(GrantCategory.PAID.value, description="Bought by card.")


@strawberry.type(description="Credit that was added at one time and is not spent yet.")
class CreditGrant:
    """A grant with something left."""

    category: CreditCategory
    reference: str = strawberry.field(description="Why, in the words of whoever added it.")
    amount: BigInt = strawberry.field(description="Nano-dollars that were added.")
    remaining: BigInt = strawberry.field(description="Nano-dollars that are left of it.")
    priority: int = strawberry.field(description="0 to 100: credit with a lower number is spent first.")
    effective_at: datetime = strawberry.field(description="When it was added.")
    expires_at: datetime | None = strawberry.field(
        description="When what is left of it goes; null for credit that never expires."
    )


@strawberry.type(description="From so many units of a meter in a calendar month on, what each costs.")
class PriceTier:
    """A step of a price."""

    from_quantity: BigInt = strawberry.field(
        description="Units in the month, of all models together; 0 for the first tier."
    )
    price: BigInt = strawberry.field(description="Nano-dollars for each unit.")

    @classmethod
    def all_of(cls, ladder: Ladder) -> list[PriceTier]:
        """The tiers of a price."""
        return [cls(from_quantity=cast(BigInt, start), price=cast(BigInt, price)) for start, price in ladder]


@strawberry.type(description="What the caller's organization pays where it has terms of its own.")
class OwnPrice:
    """A price in place of the list's, or a discount on it."""

    tiers: list[PriceTier] = strawberry.field(
        description="Its own price, or the list's, before the discount."
    )
    discount_basis_points: int = strawberry.field(
        description="Hundredths of a per cent that are taken off; 0 for a price of its own. Costs are "
        "rounded down, once for each meter of a call."
    )
    replaces_list: bool = strawberry.field(description="Whether it is a price of its own.")


@strawberry.type(description="What one unit of a meter costs now.")
class Price:
    """A price of the price list."""

    meter: str
    title: str
    unit: str
    model: str | None = strawberry.field(
        description="The model that this price is for; null for all that have no price of their own."
    )
    price: BigInt = strawberry.field(
        description="Nano-dollars for each unit, on the list, in the first tier."
    )
    tiers: list[PriceTier] = strawberry.field(
        description="The list's; the first one alone where it has no more."
    )
    own: OwnPrice | None = strawberry.field(
        description="The caller's organization's terms; null where it pays the list's price."
    )
    current: BigInt = strawberry.field(
        description="Nano-dollars for each unit that the organization pays now, at the tier that it has "
        "reached this month, before a discount."
    )


@strawberry.type
class BillingQuery:
    """Root fields of billing."""

    @strawberry.field(description="The price list as it stands now, by meter and model, and your own terms.")
    async def prices(self, info: Info) -> list[Price]:
        """Every price."""
        info.context.caller.require(BILLING_READ)
        services = info.context.services
        offers = await services.billing.offers(info.context.caller.organization_id)
        return [
            Price(
                meter=meter.name,
                title=meter.title,
                unit=meter.unit,
                model=offer.model,
                price=cast(BigInt, offer.listed[0][1]),
                tiers=PriceTier.all_of(offer.listed),
                own=_own(offer),
                current=cast(BigInt, offer.rate.price),
            )
            for meter in services.plugins.meters
            for offer in offers
            if offer.meter == meter.name
        ]


def _own(offer: Offer) -> OwnPrice | None:
    if offer.own is None and not offer.discount:
        return None
    return OwnPrice(
        tiers=PriceTier.all_of(offer.own or offer.listed),
        discount_basis_points=offer.discount,
        replaces_list=offer.own is not None,
    )


async def balance_of(info: Info, organization_id: UUID) -> Balance:
    """An organization's balance."""
    found = await info.context.services.billing.balance(organization_id)
    return Balance(
        balance=cast(BigInt, found.balance),
        held=cast(BigInt, found.held),
        available=cast(BigInt, found.available),
    )


async def statement_of(
    info: Info, organization_id: UUID, page: Page, since: datetime | None, until: datetime | None
) -> Connection[StatementEntry]:
    """A page of an organization's statement, newest first.

    Raises PageSizeInvalid, CursorInvalid, and InvalidInput for times without a zone.
    """
    for field, time in (("since", since), ("until", until)):
        if time is not None and time.tzinfo is None:
            raise InvalidInput("A time needs its zone, such as 2026-01-31T00:00:00Z.", field=field)
    size = page_size(page.first, page.last, "This connection")
    is_backward = page.last is not None
    # The newest entry is the first of the connection: what comes after a cursor is older.
    before = None if page.after is None else id_of_cursor(page.after, "after")
    after = None if page.before is None else id_of_cursor(page.before, "before")
    wanted = Entries(since, until, before, after, from_oldest=is_backward)
    found = await info.context.services.billing.statement(organization_id, size + 1, wanted)
    has_more = len(found) > size
    shown = found[-size:] if is_backward else found[:size]
    edges = [Edge(cursor=cursor_of(line.id), node=StatementEntry.of(line)) for line in shown]
    info_of_page = PageInfo(
        has_next_page=after is not None if is_backward else has_more,
        has_previous_page=has_more if is_backward else before is not None,
        start_cursor=edges[0].cursor if edges else None,
        end_cursor=edges[-1].cursor if edges else None,
    )
    return Connection(edges=edges, page_info=info_of_page)


async def holds_of(info: Info, organization_id: UUID) -> list[CreditHold]:
    """What of an organization's credit is set aside now, oldest first."""
    return [
        CreditHold(amount=cast(BigInt, hold.remaining), since=hold.since, is_lease=hold.is_lease)
        for hold in await info.context.services.billing.open_holds(organization_id)
    ]


async def grants_of(info: Info, organization_id: UUID) -> list[CreditGrant]:
    """What is left of an organization's credit, in the order in which it is spent."""
    return [
        CreditGrant(
            category=CreditCategory(grant.category.value),
            reference=grant.reference,
            amount=cast(BigInt, grant.amount),
            remaining=cast(BigInt, grant.remaining),
            priority=grant.priority,
            effective_at=grant.effective_at,
            expires_at=grant.expires_at,
        )
        for grant in await info.context.services.billing.grants(organization_id, MOST_GRANTS)
    ]
