"""The first page, and an organization's overview."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from litestar import Response, get

from skyhook.clock import now
from skyhook.scopes import BILLING_READ, KEYS_READ, USAGE_READ
from skyhook.usage.queries import Group, latest, totals
from skyhook_console import charts
from skyhook_console.charts import Series
from skyhook_console.days import last_days
from skyhook_console.formats import dollars
from skyhook_console.visiting import Visit, go

DAYS = 30
LATEST = 8


@get("/")
async def first_page(visit: Visit) -> Response[str]:
    """The visitor's first organization."""
    members = visit.visitor.members
    if not members:
        return visit.page("no_organization.html")
    return go(visit.request, f"/console/o/{members[0].organization.slug}")


@get("/o/{slug:str}")
async def overview(visit: Visit, slug: str) -> Response[str]:
    """What is left, what was used, and what to do first."""
    visit, caller = visit.at(slug, USAGE_READ)
    days = last_days(now(), DAYS)
    async with visit.services.database.read() as session:
        by_day = await totals(
            session,
            caller.organization_id,
            days[0],
            days[-1] + timedelta(days=1),
            [Group.DAY],
            with_quantities=False,
        )
        events = await latest(session, caller.organization_id, limit=LATEST)
    balance = late = None
    if caller.has_scope(BILLING_READ):
        balance = await visit.services.billing.balance(caller.organization_id)
        late = await visit.services.subscriptions.late(caller)
    has_key = not caller.has_scope(KEYS_READ) or bool(await visit.services.keys.newest(caller, 1))
    costs = {total.group[0]: total.cost for total in by_day}
    return visit.page(
        "overview.html",
        balance=balance,
        late=late,
        calls=sum(total.calls for total in by_day),
        cost=sum(total.cost for total in by_day),
        chart=charts.by_day(
            "Cost of each day", days, [Series("cost", [costs.get(day, 0) for day in days])], dollars
        ),
        events=events,
        has_key=has_key,
        origin=str(visit.request.base_url).rstrip("/"),
    )


HANDLERS: list[Any] = [first_page, overview]
