"""The statement: what happened to the credit, entry by entry, by page and as CSV."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get

from skyhook.billing.statement import Entries, StatementLine
from skyhook.errors import InvalidInput
from skyhook.scopes import BILLING_READ
from skyhook_console.days import read_day
from skyhook_console.tables import csv_file
from skyhook_console.visiting import Http, Visit

SHOWN = 50
MOST_IN_CSV = 10_000


@get("/o/{slug:str}/billing/statement")
async def statement_page(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The newest entries of the days that are asked for."""
    visit, caller = visit.at(slug, BILLING_READ)
    asked, error = _asked(request), None
    lines: list[StatementLine] = []
    try:
        before = _id(request.query_params.get("before", ""))
        since, until = _days(asked)
        lines = list(
            await visit.services.billing.statement(
                caller.organization_id, SHOWN + 1, Entries(since, until, before)
            )
        )
    except InvalidInput as refused:
        error = refused
    words = {name: text for name, text in asked.items() if text}
    return visit.page(
        "statement.html",
        status=error.status if error else 200,
        lines=lines[:SHOWN],
        more=urlencode(words | {"before": str(lines[SHOWN - 1].id)}) if len(lines) > SHOWN else None,
        query=urlencode(words),
        asked=asked,
        error=error,
    )


@get("/o/{slug:str}/billing/statement.csv")
async def statement_csv(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The newest 10,000 entries of the days that are asked for; amounts in nano-dollars."""
    visit, caller = visit.at(slug, BILLING_READ)
    since, until = _days(_asked(request))
    lines = await visit.services.billing.statement(caller.organization_id, MOST_IN_CSV, Entries(since, until))
    rows = (
        [
            line.at.astimezone(UTC).isoformat(),
            line.reference,
            ", ".join(f"{number} {name}" for name, number in line.operations.items()),
            line.amount,
            line.balance,
            str(line.id),
        ]
        for line in lines
    )
    head = ["at", "reference", "calls", "amount_nano_usd", "balance_nano_usd", "entry"]
    return csv_file(f"statement-{slug}.csv", head, rows)


def _asked(request: Http) -> dict[str, str]:
    return {name: str(request.query_params.get(name, "")).strip() for name in ("from", "to")}


def _days(asked: dict[str, str]) -> tuple[datetime | None, datetime | None]:
    first, last = read_day(asked["from"], "from"), read_day(asked["to"], "to")
    if first and last and first > last:
        raise InvalidInput("The first day lies after the last one.", field="from")
    return first, last + timedelta(days=1) if last else None


def _id(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("There is no such page of the statement.", field="before") from error


HANDLERS: list[Any] = [statement_page, statement_csv]
