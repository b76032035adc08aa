"""Usage: filters in the address, a chart, a table by what one asks for, and the same as CSV."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from litestar import Response, get

from skyhook.clock import now
from skyhook.errors import InvalidInput
from skyhook.operations.caller import Caller
from skyhook.scopes import USAGE_READ
from skyhook.services import Services
from skyhook.usage.queries import Group, Total, totals
from skyhook_console import charts
from skyhook_console.charts import Series
from skyhook_console.days import last_days
from skyhook_console.formats import count, dollars
from skyhook_console.tables import csv_file
from skyhook_console.usage_asked import FILTERS, GROUPS, NONE, PERIODS, SHOWN, Asked
from skyhook_console.visiting import Http, Visit

COLOURS = 6
"""A chart tells so many groups apart; the last of them is all the others."""
_NOTHING = {Group.MODEL: "no model", Group.KEY: "no key", Group.MEMBER: "no member"}


@dataclass(slots=True)
class Row:
    """A line of the table: a group and what was used in it."""

    name: str
    value: str
    """As a filter's value."""
    calls: int = 0
    cost: int = 0
    quantities: dict[str, int] | None = None


@get("/o/{slug:str}/usage")
async def usage_page(request: Http, visit: Visit, slug: str) -> Response[str]:
    """What was used."""
    visit, caller = visit.at(slug, USAGE_READ)
    asked, error = _asked(request, visit.services), None
    try:
        days, used = await _used(visit.services, caller, asked)
    except InvalidInput as refused:
        error, days, used = refused, last_days(now(), 1), []
    is_part = "hx-request" in request.headers  # HTMX shows no answer that is an error
    choices = await _choices(visit.services, caller, days)
    by = "day" if error else asked.by
    rows = _rows(used, by, choices.get(by, {}))
    page = visit.page(
        "usage.html",
        status=error.status if error and not is_part else 200,
        asked=asked,
        error=error,
        days=days,
        choices=choices,
        periods=PERIODS,
        groups=list(GROUPS),
        shown=SHOWN,
        chart=_chart(asked, days, used, rows) if rows else None,
        rows=rows,
        calls=sum(row.calls for row in rows),
        cost=sum(row.cost for row in rows),
        hour=await visit.services.activity.current(caller.organization_id),
    )
    if is_part:
        page.headers["HX-Push-Url"] = f"{request.url.path}?{asked.query()}"
    return page


@get("/o/{slug:str}/usage.csv")
async def usage_csv(request: Http, visit: Visit, slug: str, each: str = "") -> Response[str]:
    """The table with a column for each meter, or with `each=day` one for each day; costs in nano-dollars."""
    visit, caller = visit.at(slug, USAGE_READ)
    asked = _asked(request, visit.services)
    days, used = await _used(visit.services, caller, asked)
    names = (await _choices(visit.services, caller, days)).get(asked.by, {})
    meters = sorted({meter for total in used for meter in total.quantities})
    is_daily = each == "day" and asked.by != "day"
    parts = [[total] for total in used] if is_daily else [used]
    lines = (
        [
            *([f"{part[0].group[0]:%Y-%m-%d}"] if is_daily else []),
            *(row.name, row.calls, row.cost),
            *((row.quantities or {}).get(meter, 0) for meter in meters),
        ]
        for part in parts
        for row in _rows(part, asked.by, names)
    )
    head = [*(["day"] if is_daily else []), asked.by, "calls", "cost_nano_usd", *meters]
    name = f"usage-{slug}-by-{asked.by}-{days[0]:%Y-%m-%d}-to-{days[-1]:%Y-%m-%d}.csv"
    return csv_file(name, head, lines)


def _asked(request: Http, services: Services) -> Asked:
    """What is asked for; an operation of another plugin than the chosen one is not."""
    asked = Asked.of(request.query_params)
    plugin, _ = services.plugins.operations.get(asked["operation"], (None, None))
    if plugin is not None and asked["plugin"] not in ("", plugin.name):
        return asked.but(operation="")
    return asked


async def _used(services: Services, caller: Caller, asked: Asked) -> tuple[list[datetime], Sequence[Total]]:
    """The days, and what was used in each by the group that is asked for."""
    days, only, by, _ = asked.days(), asked.only(), asked.by, asked.show
    groups = [Group.DAY] if by == "day" else [Group.DAY, GROUPS[by]]
    async with services.database.read() as session:
        until = days[-1] + timedelta(days=1)
        return days, await totals(session, caller.organization_id, days[0], until, groups, only)


async def _choices(services: Services, caller: Caller, days: Sequence[datetime]) -> dict[str, dict[str, str]]:
    """For each filter what was used in a time: values with their names."""
    async with services.database.read() as session:
        until = days[-1] + timedelta(days=1)
        found = await totals(
            session, caller.organization_id, days[0], until, list(FILTERS.values()), with_quantities=False
        )
    values = {group: {total.group[at] for total in found} for at, group in enumerate(FILTERS.values())}
    names: dict[Any, str] = {plugin.name: plugin.title for plugin in services.plugins.loaded}
    keys = await services.keys.named(caller, [id for id in values[Group.KEY] if isinstance(id, UUID)])
    names |= {id: f"{key.name} ({key.public_id})" for id, key in keys.items()}
    users = await services.accounts.users([id for id in values[Group.MEMBER] if isinstance(id, UUID)])
    names |= {id: user.email for id, user in users.items()}
    return {
        name: dict(
            sorted(
                ((_text(value), _named(value, group, names)) for value in values[group]),
                key=lambda choice: choice[1].lower(),
            )
        )
        for name, group in FILTERS.items()
    }


def _rows(used: Sequence[Total], by: str, names: Mapping[str, str]) -> list[Row]:
    """The table: what cost most first, days newest first."""
    rows: dict[str, Row] = {}
    for total in used:
        value = f"{total.group[0]:%Y-%m-%d}" if by == "day" else _text(total.group[1])
        row = rows.setdefault(value, Row(names.get(value, value), value, quantities={}))
        row.calls += total.calls
        row.cost += total.cost
        for meter, quantity in total.quantities.items():
            row.quantities = row.quantities or {}
            row.quantities[meter] = row.quantities.get(meter, 0) + quantity
    if by == "day":
        return sorted(rows.values(), key=lambda row: row.value, reverse=True)
    return sorted(rows.values(), key=lambda row: (-row.cost, -row.calls, row.name))


def _chart(asked: Asked, days: Sequence[datetime], used: Sequence[Total], rows: Sequence[Row]) -> Any:
    """The days' bars, in which the largest groups have a colour of their own."""
    value: Callable[[Any], int] = (lambda one: one.cost) if asked.show == "cost" else (lambda one: one.calls)
    write = dollars if asked.show == "cost" else count
    place = {day: at for at, day in enumerate(days)}
    if asked.by == "day":
        colours = {row.value: 0 for row in rows}
        names = [SHOWN[asked.show]]
    else:
        ranked = sorted(rows, key=value, reverse=True)
        own = len(ranked) if len(ranked) <= COLOURS else COLOURS - 1
        colours = {row.value: min(at, own) for at, row in enumerate(ranked)}
        names = [row.name for row in ranked[:own]] + (
            [f"{len(ranked) - own} others"] if len(ranked) > own else []
        )
    values = [[0] * len(days) for _ in names]
    for total in used:
        group = f"{total.group[0]:%Y-%m-%d}" if asked.by == "day" else _text(total.group[1])
        values[colours[group]][place[total.group[0]]] += value(total)  # type: ignore[index]
    title = f"{SHOWN[asked.show]} of each day" + ("" if asked.by == "day" else f" by {asked.by}")
    series = [Series(name, tuple(of)) for name, of in zip(names, values, strict=True)]
    return charts.by_day(title, days, series, write)


def _text(value: object) -> str:
    return NONE if value is None else str(value)


def _named(value: Any, group: Group, names: Mapping[Any, str]) -> str:
    return _NOTHING[group] if value is None else names.get(value, str(value))


HANDLERS: list[Any] = [usage_page, usage_csv]
