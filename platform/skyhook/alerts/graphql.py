"""GraphQL of spending alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select, select

from skyhook.alerts import models
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.scopes import BILLING_READ


@strawberry.enum(description="What a spending alert watches.")
class SpendingAlertKind(Enum):
    SPENDING = strawberry.enum_value(
        models.AlertKind.SPENDING.value,
        description="What was spent in the calendar month in UTC reaches the threshold: once a month.",
    )
    CREDIT = strawberry.enum_value(
        models.AlertKind.CREDIT.value,
        description="Unspent credit falls below the threshold: once, until it was above it again.",
    )


@strawberry.type(description="That owners and billing members are told of a threshold, by mail and webhook.")
class SpendingAlert(ByUuid, Node):
    """An alert of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    kind: SpendingAlertKind
    threshold_cents: int = strawberry.field(description="US cents.")
    fired_at: datetime | None = strawberry.field(description="When it told last.")
    created_at: datetime

    @classmethod
    def of(cls, alert: models.SpendingAlert) -> SpendingAlert:
        """The GraphQL form of a row."""
        return cls(
            id=str(alert.id),
            kind=SpendingAlertKind(alert.kind),
            threshold_cents=alert.threshold,
            fired_at=alert.fired_at,
            created_at=alert.created_at,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Alerts of the caller's organization."""
        info.context.caller.require(BILLING_READ)
        return select(models.SpendingAlert).where(
            models.SpendingAlert.id.in_(ids),
            models.SpendingAlert.organization_id == info.context.caller.organization_id,
        )


@strawberry.input(description="A threshold to be told of.")
class SpendingAlertCreateInput:
    """The new alert."""

    kind: SpendingAlertKind
    threshold_cents: int = strawberry.field(description="US cents: 1 to 1000000000.")


AlertId = Annotated[GlobalID, strawberry.argument(description="The alert's id.")]


@strawberry.type
class AlertsQuery:
    """Root fields of spending alerts."""

    @strawberry.field(description="The organization's spending alerts, at most 20.")
    async def spending_alerts(self, info: Info) -> list[SpendingAlert]:
        """Every alert."""
        return [SpendingAlert.of(one) for one in await info.context.services.alerts.all(info.context.caller)]


@strawberry.type
class AlertsMutation:
    """Root fields of spending alerts."""

    @strawberry.mutation(description="Tells owners and billing members of a threshold from now on.")
    async def spending_alert_create(self, info: Info, input: SpendingAlertCreateInput) -> SpendingAlert:
        """The new alert."""
        made = await info.context.services.alerts.create(
            info.context.caller, models.AlertKind(cast(str, input.kind.value)), input.threshold_cents
        )
        return SpendingAlert.of(made)

    @strawberry.mutation(description="Tells nobody of it any more; true.")
    async def spending_alert_delete(self, info: Info, id: AlertId) -> bool:
        """Always true."""
        alert_id = node_uuid(id, "SpendingAlert", "id")
        await info.context.services.alerts.delete(info.context.caller, alert_id)
        return True
