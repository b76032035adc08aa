"""GraphQL of plans: what is offered, and the organization's subscription."""

from __future__ import annotations

from datetime import datetime
from enum import Enum
from typing import Annotated

import strawberry

from skyhook.graphql.context import Info
from skyhook.payments import plan_models
from skyhook.payments.errors import NotSubscribed
from skyhook.scopes import BILLING_READ


@strawberry.enum(description="Where a subscription stands.")
class SubscriptionState(Enum):
    ACTIVE = strawberry.enum_value(plan_models.SubscriptionState.ACTIVE.value, description="It is paid.")
    PAST_DUE = strawberry.enum_value(
        plan_models.SubscriptionState.PAST_DUE.value,
        description="A renewal was not paid; Stripe tries again.",
    )
    UNPAID = strawberry.enum_value(
        plan_models.SubscriptionState.UNPAID.value,
        description="Stripe has given up trying; the open invoice can still be paid.",
    )
    CANCELED = strawberry.enum_value(
        plan_models.SubscriptionState.CANCELED.value, description="It has ended."
    )


@strawberry.type(description="What an organization can subscribe to, month by month.")
class Plan:
    """A plan."""

    name: str
    title: str
    cents: int = strawberry.field(description="US cents a month.")
    included_cents: int = strawberry.field(
        description="US cents of credit, given for each paid month and gone at its end."
    )
    discount_basis_points: int = strawberry.field(description="What is taken off the price list.")
    is_offered: bool = strawberry.field(description="Whether it can be chosen.")

    @classmethod
    def of(cls, plan: plan_models.Plan) -> Plan:
        """The GraphQL form of a row."""
        return cls(
            name=plan.name,
            title=plan.title,
            cents=plan.price,
            included_cents=plan.included,
            discount_basis_points=plan.discount,
            is_offered=plan.is_offered,
        )


@strawberry.type(description="An organization's plan, or the last one it had.")
class PlanSubscription:
    """A subscription."""

    state: SubscriptionState
    plan: Plan = strawberry.field(description="The plan of the last period that was paid.")
    next_plan: Plan | None = strawberry.field(description="Where the next period is of another plan: which.")
    next_payment_cents: int | None = strawberry.field(
        description="US cents of the next period; null where none follows."
    )
    period_start: datetime
    period_end: datetime
    cancel_at_period_end: bool
    discount_basis_points: int = strawberry.field(
        description="What is taken off the price list by it now; 0 once a renewal is a week late."
    )
    pay_url: str | None = strawberry.field(
        description="Stripe's page on which an unpaid renewal can be paid; null where all is paid."
    )


@strawberry.type(description="Where to send the customer.")
class SubscriptionPage:
    """A page of Stripe's."""

    url: str = strawberry.field(description="Stripe's page; it can be paid within 24 hours, and once.")


PlanName = Annotated[str, strawberry.argument(description="The plan's name.")]


@strawberry.type
class PlansQuery:
    """Root fields of plans."""

    @strawberry.field(description="The plans that can be chosen, cheapest first.")
    async def plans(self, info: Info) -> list[Plan]:
        """What is offered."""
        info.context.caller.require(BILLING_READ)
        return [Plan.of(plan) for plan in await info.context.services.subscriptions.plans.offered()]

    @strawberry.field(description="The organization's plan; null where it never had one.")
    async def subscription(self, info: Info) -> PlanSubscription | None:
        """The subscription."""
        row = await info.context.services.subscriptions.current(info.context.caller)
        return None if row is None else await _shown(info, row)


@strawberry.type
class PlansMutation:
    """Root fields of plans."""

    @strawberry.mutation(description="Begins a subscription: send the customer to the page that it gives.")
    async def subscription_start(self, info: Info, plan: PlanName) -> SubscriptionPage:
        """A page to pay on."""
        url = await info.context.services.subscriptions.start(info.context.caller, plan)
        return SubscriptionPage(url=url)

    @strawberry.mutation(
        description="Changes the plan: to a dearer one at once, whose difference the saved card pays; to a "
        "cheaper one with the next period."
    )
    async def subscription_change(self, info: Info, plan: PlanName) -> PlanSubscription:
        """The subscription after it."""
        info.context.caller.require_recent()
        return await _shown(info, await info.context.services.subscriptions.change(info.context.caller, plan))

    @strawberry.mutation(
        description="Ends the subscription with its period; one whose renewal is not paid ends at once."
    )
    async def subscription_cancel(self, info: Info) -> PlanSubscription:
        """The subscription after it."""
        return await _shown(info, await info.context.services.subscriptions.cancel(info.context.caller))

    @strawberry.mutation(description="Lets a subscription go on that was to end with its period.")
    async def subscription_resume(self, info: Info) -> PlanSubscription:
        """The subscription after it."""
        return await _shown(info, await info.context.services.subscriptions.resume(info.context.caller))


async def _shown(info: Info, row: plan_models.Subscription) -> PlanSubscription:
    plans = {plan.name: plan for plan in await info.context.services.subscriptions.plans.all()}
    if row.plan is None or row.period_start is None or row.period_end is None:
        raise NotSubscribed("There is no plan. Choose one first.")
    return PlanSubscription(
        state=SubscriptionState(row.state),
        plan=Plan.of(plans[row.plan]),
        next_plan=None if row.next_plan is None else Plan.of(plans[row.next_plan]),
        next_payment_cents=row.next_price,
        period_start=row.period_start,
        period_end=row.period_end,
        cancel_at_period_end=row.cancel_at_period_end,
        discount_basis_points=row.discount,
        pay_url=row.pay_at,
    )
