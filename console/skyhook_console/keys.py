"""Keys: list, create, rotate, revoke."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.datastructures import FormMultiDict

from skyhook.clock import now
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.keys.format import PREFIX
from skyhook.keys.models import Key
from skyhook.keys.service import KeyLimits
from skyhook.plugins.manifest import Scope
from skyhook.scopes import CORE_SCOPES, KEYS_READ, KEYS_WRITE
from skyhook.services import Services
from skyhook.usage.queries import Group, totals
from skyhook_console.formats import NANO
from skyhook_console.visiting import Http, Visit, go

SHOWN = 100
OVERLAPS = {"0": "at once", "3600": "in an hour", "86400": "in a day", "604800": "in a week"}


@dataclass(frozen=True, slots=True)
class Row:
    """A key as the table shows it."""

    key: Key
    spent: int
    """Nano-dollars in this calendar month."""

    @property
    def prefix(self) -> str:
        """How the key begins."""
        return f"{PREFIX}{self.key.public_id}"

    @property
    def state(self) -> str:
        """Whether it works."""
        if self.key.revoked_at is not None:
            return "revoked"
        if self.key.expires_at is not None and self.key.expires_at <= now():
            return "expired"
        return "active"


@get("/o/{slug:str}/keys")
async def keys_page(visit: Visit, slug: str, before: UUID | None = None) -> Response[str]:
    """The organization's keys, newest first."""
    visit, caller = visit.at(slug, KEYS_READ)
    found = await visit.services.keys.newest(caller, SHOWN + 1, before)
    month = now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    async with visit.services.database.read() as session:
        spent = await totals(
            session,
            caller.organization_id,
            month,
            now() + timedelta(hours=1),
            [Group.KEY],
            with_quantities=False,
        )
    cost = {total.group[0]: total.cost for total in spent}
    rows = [Row(key, cost.get(key.id, 0)) for key in found[:SHOWN]]
    more = found[SHOWN - 1].id if len(found) > SHOWN else None
    may_write = caller.has_scope(KEYS_WRITE)
    return visit.page("keys.html", rows=rows, more=more, may_write=may_write, overlaps=OVERLAPS)


@get("/o/{slug:str}/keys/new")
async def new_key_page(visit: Visit, slug: str) -> Response[str]:
    """The form of a new key."""
    visit, _ = visit.at(slug, KEYS_WRITE)
    return visit.page(
        "key_new.html", groups=_groups(visit.services), form={}, chosen=["*"], error=None, field=None
    )


@post("/o/{slug:str}/keys", status_code=200)
async def create_key(request: Http, visit: Visit, slug: str) -> Response[str]:
    """A new key, whose secret the answer shows this once."""
    visit, caller = visit.at(slug, KEYS_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await request.form()
    chosen = [str(scope) for scope in form.getall("scopes", [])]
    try:
        key, secret = await visit.services.keys.create(caller, _text(form, "name"), _limits(form, chosen))
    except SkyhookError as error:
        return visit.page(
            "key_new.html",
            status=error.status,
            groups=_groups(visit.services),
            form={name: str(value) for name, value in form.items()},
            chosen=chosen,
            error=error.message,
            field=error.field,
        )
    return visit.page("key_made.html", key=key, secret=secret, origin=str(request.base_url).rstrip("/"))


@post("/o/{slug:str}/keys/{key_id:uuid}/rotate", status_code=200)
async def rotate_key(request: Http, visit: Visit, slug: str, key_id: UUID) -> Response[str]:
    """A key in the place of another."""
    visit, caller = visit.at(slug, KEYS_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    overlap = _text(await request.form(), "overlap")
    if overlap not in OVERLAPS:
        raise InvalidInput("Choose when the old key ends.", field="overlap")
    key, secret = await visit.services.keys.rotate(caller, key_id, timedelta(seconds=int(overlap)))
    return visit.page("key_made.html", key=key, secret=secret, origin=str(request.base_url).rstrip("/"))


@post("/o/{slug:str}/keys/{key_id:uuid}/revoke", status_code=200)
async def revoke_key(visit: Visit, slug: str, key_id: UUID) -> Response[str]:
    """Ends a key for good."""
    visit, caller = visit.at(slug, KEYS_WRITE)
    await visit.services.keys.revoke(caller, key_id)
    return go(visit.request, f"/console/o/{slug}/keys")


def _groups(services: Services) -> list[tuple[str, str, Sequence[Scope]]]:
    """Scopes as the form offers them: the name of a group, its title, its scopes."""
    plugins = [
        (plugin.name, plugin.title, plugin.scopes) for plugin in services.plugins.loaded if plugin.scopes
    ]
    return [*plugins, ("", "The platform", CORE_SCOPES)]


def _limits(form: FormMultiDict, scopes: list[str]) -> KeyLimits:
    return KeyLimits(
        scopes=scopes,
        rate_limit_per_minute=_number(form, "rate_limit_per_minute"),
        monthly_budget=_dollars(form, "monthly_budget"),
        expires_at=_day(form, "expires_on"),
        allowed_ips=_text(form, "allowed_ips").split(),
    )


def _text(form: FormMultiDict, name: str) -> str:
    return str(form.get(name) or "").strip()


def _number(form: FormMultiDict, name: str) -> int | None:
    text = _text(form, name)
    if not text:
        return None
    if not text.isdecimal():
        raise InvalidInput("Write a whole number, or nothing.", field=name)
    return int(text)


def _dollars(form: FormMultiDict, name: str) -> int | None:
    text = _text(form, name).removeprefix("$")
    if not text:
        return None
    try:
        nano = Decimal(text) * NANO
        if nano != int(nano):
            raise InvalidInput("A dollar has nine decimal places here.", field=name)
        return int(nano)
    except (InvalidOperation, ValueError, OverflowError) as error:
        raise InvalidInput("Write dollars, such as 12.50, or nothing.", field=name) from error


def _day(form: FormMultiDict, name: str) -> datetime | None:
    text = _text(form, name)
    if not text:
        return None
    try:
        return datetime.combine(date.fromisoformat(text), time.max, UTC)
    except ValueError as error:
        raise InvalidInput("Write a day such as 2030-12-31, or nothing.", field=name) from error


HANDLERS: list[Any] = [keys_page, new_key_page, create_key, rotate_key, revoke_key]
