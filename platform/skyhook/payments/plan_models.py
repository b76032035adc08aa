"""Tables of plans: what is offered by the month, and who has subscribed to it."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from sqlalchemy import Boolean, CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base


class SubscriptionState(StrEnum):
    """Where a subscription stands."""

    NONE = "none"
    """Nothing was paid yet: at most, somebody is on Stripe's page."""
    ACTIVE = "active"
    PAST_DUE = "past_due"
    """A renewal was not paid; Stripe tries again."""
    UNPAID = "unpaid"
    """Stripe has given up trying; an open invoice can still be paid."""
    CANCELED = "canceled"


LIVE = frozenset({SubscriptionState.ACTIVE, SubscriptionState.PAST_DUE, SubscriptionState.UNPAID})
"""In these states an organization has a subscription, whether it is paid or not."""


LATE = frozenset({SubscriptionState.PAST_DUE, SubscriptionState.UNPAID})
"""In these states an invoice waits to be paid."""
GRACE = timedelta(days=7)
"""How long after an unpaid renewal the plan's discount stays."""


class Plan(Base):
    """What an organization can subscribe to, month by month."""

    __tablename__ = "plans"
    __table_args__ = (
        CheckConstraint("price > 0", name="price_positive"),
        CheckConstraint("included >= 0", name="included_not_negative"),
        CheckConstraint("discount >= 0 AND discount <= 10000", name="discount"),
    )

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    price: Mapped[int] = mapped_column()
    """US cents a month."""
    included: Mapped[int] = mapped_column()
    """US cents of credit, given for each paid month and gone at its end."""
    discount: Mapped[int] = mapped_column()
    """Basis points off the price list."""
    is_offered: Mapped[bool] = mapped_column(Boolean, default=True)
    """Whether new customers can choose it."""
    product: Mapped[str] = mapped_column(String(60))
    """Stripe's product."""
    stripe_price: Mapped[str] = mapped_column(ForeignKey("plan_prices.stripe_id"))
    """What new customers pay."""
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)


class PlanPrice(Base):
    """A price that a plan has or had: whoever subscribed at it goes on paying it. Never changed."""

    __tablename__ = "plan_prices"
    __table_args__ = (CheckConstraint("price > 0", name="price_positive"),)

    stripe_id: Mapped[str] = mapped_column(String(60), primary_key=True)
    plan: Mapped[str] = mapped_column(String(40), index=True)
    """The plan's name; no foreign key, since the plan itself names its price."""
    price: Mapped[int] = mapped_column()
    """US cents a month."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class Subscription(Base):
    """An organization's subscription as Stripe knows it, or the last one it had."""

    __tablename__ = "subscriptions"

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"), primary_key=True)
    stripe_id: Mapped[str | None] = mapped_column(String(60), unique=True)
    state: Mapped[str] = mapped_column(String(10), default=SubscriptionState.NONE)
    plan: Mapped[str | None] = mapped_column(ForeignKey("plans.name"))
    """The plan of the last period that was paid."""
    paid_price: Mapped[str | None] = mapped_column(ForeignKey("plan_prices.stripe_id"))
    """The price that was paid for it."""
    next_plan: Mapped[str | None] = mapped_column(ForeignKey("plans.name"))
    """Where the next period is of another plan: which."""
    next_price: Mapped[int | None] = mapped_column()
    """US cents of the next period."""
    period_start: Mapped[datetime | None] = mapped_column()
    period_end: Mapped[datetime | None] = mapped_column()
    cancel_at_period_end: Mapped[bool] = mapped_column(Boolean, default=False)
    unpaid_invoice: Mapped[str | None] = mapped_column(String(60))
    """Stripe's invoice that waits to be paid."""
    pay_at: Mapped[str | None] = mapped_column(String(2000))
    """The address of Stripe's page on which it can be paid."""
    discount: Mapped[int] = mapped_column(default=0)
    """Basis points that the organization has now by its subscription."""
    session: Mapped[str | None] = mapped_column(String(120))
    """Stripe's Checkout session that was opened last; at most one of an organization can be paid."""
    told: Mapped[str | None] = mapped_column(String(60))
    """What the last mail was about: an invoice that was not paid, or the subscription's end."""
    looks: Mapped[int] = mapped_column(default=0)
    """How often Stripe was asked for its state,"""
    seen: Mapped[int] = mapped_column(default=0)
    """and the newest of these looks whose answer stands here: an older one is never written over it."""
    updated_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)

    @property
    def grace_until(self) -> datetime | None:
        """When the discount ends of a renewal that is late."""
        if self.state != SubscriptionState.PAST_DUE or self.period_start is None:
            return None
        return self.period_start + GRACE

    def is_in_force(self, at: datetime) -> bool:
        """Whether it gives its discount: it is paid, or its renewal is late within the grace."""
        grace = self.grace_until
        return self.state == SubscriptionState.ACTIVE or (grace is not None and at < grace)
