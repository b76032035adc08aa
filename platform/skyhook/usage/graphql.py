"""GraphQL of usage: totals by group, and the calls one by one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select, select
from strawberry import Maybe
from strawberry.relay import GlobalID

from skyhook.errors import InvalidInput
from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_id, node_uuid
from skyhook.graphql.nodes import Node
from skyhook.graphql.scalars import BigInt
from skyhook.scopes import USAGE_READ
from skyhook.usage import models, queries


@strawberry.enum(description="By what totals of usage are told apart.")
class UsageGroup(Enum):
    HOUR = queries.Group.HOUR
    DAY = queries.Group.DAY
    PLUGIN = queries.Group.PLUGIN
    OPERATION = queries.Group.OPERATION
    MODEL = queries.Group.MODEL
    KEY = queries.Group.KEY
    MEMBER = queries.Group.MEMBER


@strawberry.input(description="Which calls are told of: those that have each of the values that are given.")
class UsageFilter:
    """Values of calls; those that are left out may be any."""

    plugin: Maybe[str]
    operation: Maybe[str]
    model: Maybe[str | None] = strawberry.field(description="null: calls without a model.")
    key_id: Maybe[GlobalID | None] = strawberry.field(
        description="The id of a Key; null: calls without a key, such as the console's."
    )
    member_id: Maybe[GlobalID | None] = strawberry.field(
        description="The id of a User; null: calls with no member behind them."
    )

    def values(self) -> dict[queries.Group, str | UUID | None]:
        """What calls must have. Raises InvalidInput for the id of something else."""
        given: dict[queries.Group, str | UUID | None] = {}
        if self.plugin is not None:
            given[queries.Group.PLUGIN] = self.plugin.value
        if self.operation is not None:
            given[queries.Group.OPERATION] = self.operation.value
        if self.model is not None:
            given[queries.Group.MODEL] = self.model.value
        if self.key_id is not None:
            given[queries.Group.KEY] = _uuid(self.key_id.value, "Key", "only.keyId")
        if self.member_id is not None:
            given[queries.Group.MEMBER] = _uuid(self.member_id.value, "User", "only.memberId")
        return given


@strawberry.type(description="How much of one meter was used.")
class UsageQuantity:
    """A meter's quantity."""

    meter: str
    quantity: BigInt = strawberry.field(description="In the meter's unit.")


@strawberry.type(description="What was used in one group; fields of groups that were not asked for are null.")
class UsageTotal:
    """Usage of one group."""

    hour: datetime | None = None
    day: datetime | None = None
    plugin: str | None = None
    operation: str | None = None
    model: str | None = None
    key_id: strawberry.ID | None = strawberry.field(default=None, description="The id of a Key.")
    member_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the User behind the calls."
    )
    calls: BigInt
    cost: BigInt = strawberry.field(description="Nano-dollars.")
    quantities: list[UsageQuantity]


@strawberry.type(description="One call that was served and charged.")
class UsageEvent(ByUuid, Node):
    """A call."""

    id: strawberry.relay.NodeID[str]
    plugin: str
    operation: str
    model: str | None
    outcome: str = strawberry.field(description="completed or cancelled.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")
    quantities: list[UsageQuantity]
    started_at: datetime
    duration_ms: int

    @classmethod
    def of(cls, event: models.UsageEvent) -> UsageEvent:
        """The GraphQL form of a row."""
        return cls(
            id=str(event.id),
            plugin=event.plugin,
            operation=event.operation,
            model=event.model,
            outcome=event.outcome,
            cost=cast(BigInt, event.cost),
            quantities=[
                UsageQuantity(meter=meter, quantity=cast(BigInt, quantity))
                for meter, (quantity, _) in event.quantities.items()
            ],
            started_at=event.started_at,
            duration_ms=event.duration_ms,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Calls of the caller's organization."""
        info.context.caller.require(USAGE_READ)
        return select(models.UsageEvent).where(
            models.UsageEvent.id.in_(ids),
            models.UsageEvent.organization_id == info.context.caller.organization_id,
        )


async def totals_of(
    info: Info,
    organization_id: UUID,
    since: datetime,
    until: datetime,
    by: Sequence[UsageGroup],
    only: UsageFilter | None,
) -> list[UsageTotal]:
    """Totals of an organization. Raises InvalidInput for times without a zone or in the wrong order."""
    if since.tzinfo is None or until.tzinfo is None:
        raise InvalidInput("A time needs its zone, such as 2026-01-31T00:00:00Z.", field="since")
    if since >= until:
        raise InvalidInput("`since` must lie before `until`.", field="since")
    groups = [queries.Group(group.value) for group in dict.fromkeys(by)]
    kept = only.values() if only else {}
    async with info.context.services.database.read() as session:
        totals = await queries.totals(session, organization_id, since, until, groups, kept)
    return [_total(total, groups) for total in totals]


async def events_of(
    info: Info, organization_id: UUID, page: Page, only: UsageFilter | None
) -> Connection[UsageEvent]:
    """A page of an organization's calls, newest first."""
    query = queries.events(organization_id, only.values() if only else {})
    order = Order(models.UsageEvent.id, models.UsageEvent.id, descending=True)
    async with info.context.services.database.read() as session:
        return await paginate(session, query, page, order, UsageEvent.of)


def _total(total: queries.Total, groups: Sequence[queries.Group]) -> UsageTotal:
    found = dict(zip(groups, total.group, strict=True))
    key_id, user_id = found.get(queries.Group.KEY), found.get(queries.Group.MEMBER)
    return UsageTotal(
        hour=cast("datetime | None", found.get(queries.Group.HOUR)),
        day=cast("datetime | None", found.get(queries.Group.DAY)),
        plugin=cast("str | None", found.get(queries.Group.PLUGIN)),
        operation=cast("str | None", found.get(queries.Group.OPERATION)),
        model=cast("str | None", found.get(queries.Group.MODEL)),
        key_id=_global_id("Key", key_id),
        member_id=_global_id("User", user_id),
        calls=cast(BigInt, total.calls),
        cost=cast(BigInt, total.cost),
        quantities=[
            UsageQuantity(meter=meter, quantity=cast(BigInt, quantity))
            for meter, quantity in total.quantities.items()
        ],
    )


def _global_id(kind: str, value: object) -> strawberry.ID | None:
    return strawberry.ID(node_id(kind, value)) if isinstance(value, UUID) else None


def _uuid(id: GlobalID | None, kind: str, field: str) -> UUID | None:
    return None if id is None else node_uuid(id, kind, field)
