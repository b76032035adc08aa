"""Usage: a chart, a table by what one asks for, and the same as CSV."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get
from sqlalchemy import select

from skyhook.clock import now
from skyhook.errors import InvalidInput
from skyhook.keys.models import Key
from skyhook.operations.caller import Caller
from skyhook.scopes import USAGE_READ
from skyhook.services import Services
from skyhook.usage.queries import Group, Total, totals
from skyhook_console import charts
from skyhook_console.tables import csv_file
from skyhook_console.visiting import Visit

PERIODS = (7, 30, 90)
GROUPS = {
    "day": Group.DAY,
    "plugin": Group.PLUGIN,
    "operation": Group.OPERATION,
    "model": Group.MODEL,
    "key": Group.KEY,
    "member": Group.MEMBER,
}


@get("/o/{slug:str}/usage")
async def usage_page(visit: Visit, slug: str, days: int = 30, by: str = "day") -> Response[str]:
    """What was used in the last days."""
    visit, caller = visit.at(slug, USAGE_READ)
    shown, until = _asked(days, by)
    async with visit.services.database.read() as session:
        by_day = await totals(session, caller.organization_id, shown[0], until, [Group.DAY])
        grouped = by_day
        if by != "day":
            grouped = await totals(session, caller.organization_id, shown[0], until, [GROUPS[by]])
    used = {total.group[0]: total for total in by_day}
    return visit.page(
        "usage.html",
        days=days,
        by=by,
        periods=PERIODS,
        groups=list(GROUPS),
        chart=charts.by_day("Cost of each day", shown, lambda day: used[day].cost if day in used else 0),
        rows=await _named(visit.services, caller, grouped),
        calls=sum(total.calls for total in by_day),
        cost=sum(total.cost for total in by_day),
    )


@get("/o/{slug:str}/usage.csv")
async def usage_csv(visit: Visit, slug: str, days: int = 30, by: str = "day") -> Response[str]:
    """The table, with a column for each meter; costs in nano-dollars."""
    visit, caller = visit.at(slug, USAGE_READ)
    shown, until = _asked(days, by)
    async with visit.services.database.read() as session:
        grouped = await totals(session, caller.organization_id, shown[0], until, [GROUPS[by]])
    meters = sorted({meter for total in grouped for meter in total.quantities})
    rows = (
        [name, total.calls, total.cost, *(total.quantities.get(meter, 0) for meter in meters)]
        for name, total in await _named(visit.services, caller, grouped)
    )
    return csv_file(f"usage-{slug}-{by}-{days}-days.csv", [by, "calls", "cost_nano_usd", *meters], rows)


def days_until(until: datetime, number: int) -> list[datetime]:
    """The last days in UTC, as many, with that of `until`."""
    today = until.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=back) for back in reversed(range(number))]


def _asked(days: int, by: str) -> tuple[list[datetime], datetime]:
    if days not in PERIODS:
        raise InvalidInput(f"Choose one of the last {', '.join(map(str, PERIODS))} days.", field="days")
    if by not in GROUPS:
        raise InvalidInput(f"Usage is told by {', '.join(GROUPS)}.", field="by")
    until = now()
    return days_until(until, days), until + timedelta(hours=1)


async def _named(services: Services, caller: Caller, grouped: Sequence[Total]) -> list[tuple[str, Total]]:
    """Totals with the names of their groups."""
    ids = [total.group[0] for total in grouped if isinstance(total.group[0], UUID)]
    names: dict[Any, str] = {}
    if ids:
        users = await services.accounts.users(ids)
        names = {user_id: user.email for user_id, user in users.items()}
        async with services.database.read() as session:
            keys = await session.scalars(
                select(Key).where(Key.id.in_(ids), Key.organization_id == caller.organization_id)
            )
            names |= {key.id: f"{key.name} ({key.public_id})" for key in keys}
    return [(_name(total.group[0], names), total) for total in grouped]


def _name(group: Any, names: dict[Any, str]) -> str:
    if isinstance(group, datetime):
        return f"{group:%Y-%m-%d}"
    if isinstance(group, UUID):
        return names.get(group, str(group))
    return str(group or "–")


HANDLERS: list[Any] = [usage_page, usage_csv]
