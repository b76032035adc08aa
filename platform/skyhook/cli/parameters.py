"""Types of the commands' options."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import click


class Moment(click.ParamType[datetime]):
    """A time such as 2026-12-01 or 2026-12-01T06:00, in UTC where no zone is named."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        try:
            at = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is not a time such as 2026-12-01T06:00", param, ctx)
        return at if at.tzinfo else at.replace(tzinfo=UTC)


class Duration(click.ParamType[float]):
    """A time such as 90s, 30m or 2h, in seconds."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        found = re.fullmatch(r"(\d{1,6}(?:\.\d+)?)([smh])", value) if isinstance(value, str) else None
        if found is None:
            self.fail(f"{value!r} is not a duration such as 90s, 30m or 2h", param, ctx)
        return float(found[1]) * {"s": 1, "m": 60, "h": 3600}[found[2]]
