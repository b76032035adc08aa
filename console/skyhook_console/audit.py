"""The audit log: who did what, filtered, by page and as CSV."""

from __future__ import annotations

import json
from datetime import UTC, timedelta
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from litestar import Response, get

from skyhook.accounts.audit import Wanted
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.scopes import ACCOUNT_WRITE
from skyhook_console.days import read_day
from skyhook_console.tables import csv_file
from skyhook_console.visiting import Http, Visit

SHOWN = 50
MOST_IN_CSV = 10_000
FILTERS = ("actor", "action", "target", "since", "until")


@get("/o/{slug:str}/audit")
async def audit_page(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The newest events that are asked for."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    asked, log, error = _asked(request), visit.services.audit_log, None
    rows: list[Any] = []
    try:
        before = _id(request.query_params.get("before", ""), "before")
        rows = list(await log.newest(caller, _wanted(asked), SHOWN + 1, before))
    except SkyhookError as refused:
        error = refused
    older = {name: text for name, text in asked.items() if text}
    return visit.page(
        "audit.html",
        status=error.status if error else 200,
        rows=rows[:SHOWN],
        more=urlencode(older | {"before": str(rows[SHOWN - 1][0].id)}) if len(rows) > SHOWN else None,
        query=urlencode(older),
        actions=await log.actions(caller),
        asked=asked,
        error=error and error.message,
    )


@get("/o/{slug:str}/audit.csv")
async def audit_csv(request: Http, visit: Visit, slug: str) -> Response[str]:
    """The newest 10,000 events that are asked for."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    rows = await visit.services.audit_log.newest(caller, _wanted(_asked(request)), MOST_IN_CSV)
    lines = (
        [
            event.created_at.astimezone(UTC).isoformat(),
            email or "",
            event.key_id,
            event.action,
            event.subject_id,
            json.dumps(event.details, sort_keys=True),
        ]
        for event, email in rows
    )
    return csv_file(f"audit-{slug}.csv", ["at", "actor", "key", "action", "target", "details"], lines)


def _asked(request: Http) -> dict[str, str]:
    return {name: str(request.query_params.get(name, "")).strip() for name in FILTERS}


def _wanted(asked: dict[str, str]) -> Wanted:
    until = read_day(asked["until"], "until")
    return Wanted(
        actor=asked["actor"],
        action=asked["action"],
        subject_id=_id(asked["target"], "target"),
        since=read_day(asked["since"], "since"),
        until=until + timedelta(days=1) if until else None,
    )


def _id(text: str, field: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError as error:
        raise InvalidInput("A target is an id, as the log shows it.", field=field) from error


HANDLERS: list[Any] = [audit_page, audit_csv]
