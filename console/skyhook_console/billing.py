"""Billing: the credit, what is spent of it and of keys' budgets, what is set aside, and the price list."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.alerts.models import AlertKind
from skyhook.billing.grants import Grant
from skyhook.billing.models import Price
from skyhook.billing.rates import Offer
from skyhook.clock import now
from skyhook.errors import SkyhookError
from skyhook.keys.format import PREFIX
from skyhook.keys.models import Key
from skyhook.operations.caller import Caller
from skyhook.plugins.manifest import Meter
from skyhook.scopes import BILLING_READ, BILLING_WRITE, KEYS_READ
from skyhook.services import Services
from skyhook.usage.queries import Group, totals
from skyhook_console.amounts import cents_of
from skyhook_console.days import midnight, month_before
from skyhook_console.visiting import Http, Visit, go

GRANTS = 20
LINES = 8


@dataclass(frozen=True, slots=True)
class Months:
    """What was spent, in nano-dollars."""

    first: datetime
    """When this month began."""
    spent: int
    """In it until now."""
    before: datetime
    """When the last month began."""
    spent_by_now: int
    """In its first days, as many as of this one."""
    spent_in_all: int


@dataclass(frozen=True, slots=True)
class Budget:
    """A key's monthly budget."""

    key: Key
    budget: int
    spent: int

    @property
    def prefix(self) -> str:
        """How the key begins."""
        return f"{PREFIX}{self.key.public_id}"

    @property
    def left(self) -> int:
        """In nano-dollars; below zero where the budget was lowered under what is spent."""
        return self.budget - self.spent


@dataclass(frozen=True, slots=True)
class Priced:
    """What a meter costs for one model, or for all others."""

    meter: Meter
    offer: Offer
    used: int
    """Units in this month, where it has tiers."""
    history: Sequence[Price]
    """The list's first prices, newest first, those to come included."""

    @property
    def since(self) -> Price | None:
        """The list's price that holds now; None where it has none for this model."""
        at = now()
        return next((one for one in self.history if one.effective_at <= at), None)


@get("/o/{slug:str}/billing")
async def billing_page(visit: Visit, slug: str) -> Response[str]:
    """What is left, what was spent, and where it went."""
    visit, caller = visit.at(slug, BILLING_READ)
    return await _page(visit, caller)


@post("/o/{slug:str}/billing/alerts", status_code=200)
async def create_alert(request: Http, visit: Visit, slug: str) -> Response[str]:
    """Tells owners and billing members of a threshold from now on."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    form = {name: str(value) for name, value in (await request.form()).items()}
    try:
        kind = AlertKind.CREDIT if form.get("kind") == AlertKind.CREDIT else AlertKind.SPENDING
        await visit.services.alerts.create(caller, kind, cents_of(form, "threshold"))
    except SkyhookError as error:
        return await _page(visit, caller, form=form, error=error)
    if request.headers.get("hx-request"):
        return await _page(visit, caller)
    return go(request, f"/console/o/{slug}/billing#alerts")


@post("/o/{slug:str}/billing/alerts/{alert_id:uuid}/delete", status_code=200)
async def delete_alert(request: Http, visit: Visit, slug: str, alert_id: UUID) -> Response[str]:
    """Tells nobody of it any more."""
    visit, caller = visit.at(slug, BILLING_WRITE)
    await visit.services.alerts.delete(caller, alert_id)
    return go(request, f"/console/o/{slug}/billing#alerts")


async def _page(
    visit: Visit, caller: Caller, *, form: dict[str, str] | None = None, error: SkyhookError | None = None
) -> Response[str]:
    billing, organization_id = visit.services.billing, caller.organization_id
    async with visit.services.database.read() as session:
        months = await _months(session, caller)
    grants = await billing.grants(organization_id, GRANTS + 1)
    return visit.page(
        "billing.html",
        balance=await billing.balance(organization_id),
        months=months,
        late=await visit.services.subscriptions.late(caller),
        cards_are_taken=visit.services.payments.are_taken,
        grants=grants[:GRANTS],
        more_grants=len(grants) > GRANTS,
        expiring=_next_to_expire(grants),
        budgets=await _budgets(visit.services, caller),
        holds=await billing.open_holds(organization_id),
        lines=await billing.statement(organization_id, LINES),
        discount=billing.prices.terms(organization_id).discount,
        alerts=await visit.services.alerts.all(caller),
        may_write=caller.has_scope(BILLING_WRITE),
        form=form or {},
        error=error,
    )


@get("/o/{slug:str}/billing/prices")
async def prices_page(visit: Visit, slug: str) -> Response[str]:
    """The price list, by plugin, and what the organization pays in place of it."""
    visit, caller = visit.at(slug, BILLING_READ)
    billing, organization_id = visit.services.billing, caller.organization_id
    offers = await billing.offers(organization_id)
    history, used = billing.prices.history(), billing.prices.used(organization_id)
    plugins = [
        (
            plugin,
            [
                Priced(meter, offer, used.get(meter.name, 0), history.get((offer.meter, offer.model), ()))
                for meter in plugin.meters
                for offer in offers
                if offer.meter == meter.name
            ],
        )
        for plugin in visit.services.plugins.loaded
        if plugin.meters
    ]
    discount = billing.prices.terms(organization_id).discount
    return visit.page("prices.html", plugins=plugins, at=now(), discount=discount)


def _next_to_expire(grants: Sequence[Grant]) -> tuple[datetime, int] | None:
    """When the next credit expires, and how much of it is left then if nothing is spent."""
    at = min((one.expires_at for one in grants if one.expires_at is not None), default=None)
    return None if at is None else (at, sum(one.remaining for one in grants if one.expires_at == at))


async def _months(session: AsyncSession, caller: Caller) -> Months:
    today = midnight(now())
    first, before, tomorrow = today.replace(day=1), month_before(today), today + timedelta(days=1)
    by_day = await totals(
        session, caller.organization_id, before, tomorrow, [Group.DAY], with_quantities=False
    )
    costs: dict[Any, int] = {total.group[0]: total.cost for total in by_day}
    same_days = before + (tomorrow - first)
    return Months(
        first,
        sum(cost for day, cost in costs.items() if day >= first),
        before,
        sum(cost for day, cost in costs.items() if day < min(same_days, first)),
        sum(cost for day, cost in costs.items() if day < first),
    )


async def _budgets(services: Services, caller: Caller) -> list[Budget] | None:
    """None for whoever may not see keys."""
    if not caller.has_scope(KEYS_READ):
        return None
    keys = await services.keys.budgeted(caller)
    spent = await services.billing.budgets_spent(caller.organization_id, [key.limits_key_id for key in keys])
    return [Budget(key, key.monthly_budget or 0, spent.get(key.limits_key_id, 0)) for key in keys]


HANDLERS: list[Any] = [billing_page, prices_page, create_alert, delete_alert]
