"""What a page of usage is asked for: a time, what of it, and by what it is told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode
from uuid import UUID

from skyhook.clock import now
from skyhook.errors import InvalidInput
from skyhook.usage.queries import Group
from skyhook_console.days import days_between, last_days, midnight, month_before, read_day

PERIODS = {
    "7": "Last 7 days",
    "30": "Last 30 days",
    "90": "Last 90 days",
    "month": "This month",
    "last-month": "Last month",
    "days": "From day to day",
}
GROUPS = {
    "day": Group.DAY,
    "plugin": Group.PLUGIN,
    "operation": Group.OPERATION,
    "model": Group.MODEL,
    "key": Group.KEY,
    "member": Group.MEMBER,
}
FILTERS = {name: group for name, group in GROUPS.items() if group is not Group.DAY}
SHOWN = {"cost": "Cost", "calls": "Calls"}
NONE = "-"
"""The value of a filter that keeps what has no model, key or member."""
LONGEST = 366


@dataclass(frozen=True, slots=True)
class Asked:
    """The words of an address, as they were written."""

    words: Mapping[str, str]
    """By name; what is empty was not asked for."""

    @classmethod
    def of(cls, parameters: Mapping[str, str]) -> Asked:
        """Those that a page knows, of all that an address has."""
        known = ("period", "from", "to", "by", "show", *FILTERS)
        return cls({name: text for name in known if (text := parameters.get(name, "").strip())})

    def __getitem__(self, name: str) -> str:
        return self.words.get(name, "")

    def but(self, **changes: str) -> Asked:
        """The same but for the changes; nothing of what is empty."""
        return Asked({name: text for name, text in {**self.words, **changes}.items() if text})

    def query(self, **changes: str) -> str:
        """An address' query that asks for the same but for the changes."""
        words = dict(self.but(**changes).words)
        if words.get("period") != "days":
            words = {name: text for name, text in words.items() if name not in {"from", "to"}}
        return urlencode(words)

    @property
    def is_filtered(self) -> bool:
        """Whether something is left out beside other times."""
        return any(name in self.words for name in FILTERS)

    def unfiltered(self) -> str:
        """An address' query that asks for all of the same time."""
        return self.query(**dict.fromkeys(FILTERS, ""))

    @property
    def by(self) -> str:
        """The name of the group. Raises InvalidInput."""
        return _one_of(GROUPS, self["by"] or "day", "by")

    @property
    def show(self) -> str:
        """What the chart shows. Raises InvalidInput."""
        return _one_of(SHOWN, self["show"] or "cost", "show")

    @property
    def period(self) -> str:
        """The name of the time. Raises InvalidInput."""
        return _one_of(PERIODS, self["period"] or "30", "period")

    def days(self) -> list[datetime]:
        """The days of the time. Raises InvalidInput."""
        today = midnight(now())
        match self.period:
            case "month":
                return days_between(today.replace(day=1), today)
            case "last-month":
                first = month_before(today)
                return days_between(first, today.replace(day=1) - timedelta(days=1))
            case "days":
                return self._written_days(today)
            case number:
                return last_days(today, int(number))

    def only(self) -> dict[Group, str | UUID | None]:
        """What is kept. Raises InvalidInput."""
        return {group: _value(name, group, self[name]) for name, group in FILTERS.items() if self[name]}

    def _written_days(self, today: datetime) -> list[datetime]:
        last = read_day(self["to"], "to") or today
        first = read_day(self["from"], "from") or last - timedelta(days=29)
        if first > last:
            raise InvalidInput("The first day lies after the last one.", field="from")
        if last - first >= timedelta(days=LONGEST):
            raise InvalidInput(f"Ask for {LONGEST} days at most.", field="from")
        return days_between(first, last)


def _value(name: str, group: Group, text: str) -> str | UUID | None:
    if text == NONE:
        return None
    try:
        return UUID(text) if group in (Group.KEY, Group.MEMBER) else text
    except ValueError as error:
        raise InvalidInput(f"There is no such {name}.", field=name) from error


def _one_of(known: Mapping[str, object], text: str, field: str) -> str:
    if text not in known:
        raise InvalidInput(f"Choose one of {', '.join(known)}.", field=field)
    return text
