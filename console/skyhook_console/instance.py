"""The plugins of the whole instance, for its administrators: what is installed, and changing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import msgspec
from litestar import Response, get, post
from litestar.datastructures import UploadFile

from skyhook.accounts.models import User
from skyhook.errors import InvalidInput, NotFound, SkyhookError
from skyhook.operations.caller import Caller
from skyhook.plugins.description import Description, describe
from skyhook.plugins.installation.changes import Changes, Order, Verb
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.generation import Generation, InstalledPlugin
from skyhook.plugins.installation.records import LARGEST_WHEEL, Records, revision
from skyhook.plugins.installation.resolving import was_uploaded
from skyhook.plugins.installation.service import is_own
from skyhook.plugins.models import PluginGeneration
from skyhook.services import Services
from skyhook_console.navigation import home
from skyhook_console.visiting import PASSKEY_AGAIN, PASSWORD_AGAIN, Http, Visit, go

HOME = "/console/instance/plugins"
MOST_BYTES = LARGEST_WHEEL + (1 << 20)
"""Of a form, with an uploaded wheel in it."""
SHOWN = 50
"""How many generations the history shows, and how many organizations that have a plugin off."""


@dataclass(frozen=True, slots=True)
class Row:
    """A plugin that this server has, or should have."""

    name: str
    title: str
    version: str
    installed: InstalledPlugin | None
    """None for one of the server's own packages."""
    since: PluginGeneration | None
    """The change that brought this version."""
    hashes: Sequence[str] = ()
    broken: str | None = None
    """Why it cannot be used."""
    description: Description | None = None


@dataclass(frozen=True, slots=True)
class State:
    """What is installed, as this machine and the database know it."""

    rows: Sequence[Row]
    history: Sequence[PluginGeneration]
    lacks: bool
    """Whether this machine lacks what is installed elsewhere."""
    left: Sequence[str]
    """The plugins that were removed and whose tables are still there."""


@get("/instance/plugins")
async def instance_plugins_page(visit: Visit) -> Response[str]:
    """What is installed, and how it came to be."""
    administrator(visit)
    return await _list(visit)


@get("/instance/plugins/{name:str}")
async def instance_plugin_page(visit: Visit, name: str, switched: str = "") -> Response[str]:
    """One plugin: what it brings, and where it came from."""
    administrator(visit)
    return await _one(visit, name, switched=switched)


@post("/instance/plugins/{name:str}/switch", status_code=200)
async def switch_instance_plugin(request: Http, visit: Visit, name: str) -> Response[str]:
    """Switches a plugin on or off for one organization."""
    user = administrator(visit)
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await request.form()
    slug, way = str(form.get("organization") or "").strip(), str(form.get("way") or "")
    switches = visit.services.switches
    try:
        organization = await visit.services.accounts.organization_named(slug)
        caller = Caller(organization.id, user.id, None, frozenset({"*"}))
        await (switches.enable if way == "on" else switches.disable)(caller, name)
    except SkyhookError as error:
        return await _one(visit, name, error=error, given={"organization": slug})
    return go(request, f"{HOME}/{name}?switched={'on' if way == 'on' else 'off'}#switch")


@post("/instance/changes", status_code=200, request_max_body_size=MOST_BYTES)
async def start_change(request: Http, visit: Visit) -> Response[str]:
    """Begins a change, in a process of its own, and leads to its page."""
    user = administrator(visit)
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await request.form()
    shown = given = {key: value.strip() for key, value in form.items() if isinstance(value, str)}
    wheel = form.get("wheel")
    content = None
    try:
        if isinstance(wheel, UploadFile) and wheel.filename:
            if given.get("source"):
                raise InvalidInput("Choose a wheel or say where it is, not both.", field="source")
            given = given | {"source": wheel.filename}
            content = await wheel.read()
        elif given.get("verb") == "install" and not given.get("source") and _has_shown_again(given):
            raise InvalidInput(
                "Choose the wheel once more: it was not kept while you showed who you are.", field="wheel"
            )
        change_id = await changes_of(visit.services).start(user, _order(given, user.email), content)
    except SkyhookError as error:
        if given.get("verb") in ("upgrade", "remove") and given.get("name"):
            return await _one(visit, given["name"], error=error, given=shown)
        return await _list(visit, error=error, given=shown)
    return go(request, f"/console/instance/changes/{change_id}")


def administrator(visit: Visit) -> User:
    """Who administers the instance. For everybody else nothing is there: raises NotFound."""
    if not visit.visitor.user.is_instance_administrator:
        raise NotFound("There is nothing at this address.")
    return visit.visitor.user


def home_of(visit: Visit) -> str | None:
    """Where the pages begin of the first organization that the visitor is a member of."""
    members = visit.visitor.members
    return home(members[0]) if members else None


def changes_of(services: Services) -> Changes:
    """The changes of this machine."""
    return Changes(services.configuration, services.database)


def _has_shown_again(given: Mapping[str, str]) -> bool:
    """Whether the visitor was asked who they are before the form came: it has no files then."""
    return PASSWORD_AGAIN in given or PASSKEY_AGAIN in given


def _order(given: Mapping[str, str], made_by: str) -> Order:
    verb, name, source = given.get("verb", ""), given.get("name", ""), given.get("source", "")
    if verb not in get_args(Verb):
        raise InvalidInput("A change is one of: " + ", ".join(get_args(Verb)) + ".", field="verb")
    if verb == "install" and not source:
        raise InvalidInput(
            "Say what to install: choose a wheel, or give a name, git+URL or a path.", field="source"
        )
    if verb in ("upgrade", "remove") and not name:
        raise InvalidInput("Say which plugin.", field="name")
    purge = verb == "remove" and bool(given.get("purge"))
    if purge and given.get("typed") != name:
        raise InvalidInput(f"To delete what {name} has stored, type its name: {name}", field="typed")
    number = given.get("number", "")
    if number and not (number.isdecimal() and len(number) < 10):
        raise InvalidInput("A generation is a number of the history.", field="number")
    return Order(
        verb,  # type: ignore[arg-type]
        name,
        source,
        find_links=given.get("find_links", ""),
        offline=bool(given.get("offline")),
        number=int(number) if number else None,
        purge=purge,
        made_by=made_by,
    )


async def _list(
    visit: Visit, *, error: SkyhookError | None = None, given: Mapping[str, str] | None = None
) -> Response[str]:
    state = await _state(visit.services)
    return visit.page(
        "instance_plugins.html",
        status=error.status if error else 200,
        state=state,
        history=state.history[:SHOWN],
        changes=changes_of(visit.services).latest()[:5],
        given=given or {},
        error=error and error.message,
        field=getattr(error, "field", None),
    )


async def _one(
    visit: Visit,
    name: str,
    *,
    error: SkyhookError | None = None,
    given: Mapping[str, str] | None = None,
    switched: str = "",
) -> Response[str]:
    state = await _state(visit.services)
    row = next((one for one in state.rows if one.name == name), None)
    if row is None and name in state.left:
        return await _list(visit, error=error, given=given)
    if row is None:
        raise NotFound(f"No plugin {name!r} is installed.")
    return visit.page(
        "instance_plugin.html",
        status=error.status if error else 200,
        row=row,
        home=home_of(visit),
        off_for=await visit.services.switches.off_for(name, SHOWN),
        uploaded=row.installed is not None and was_uploaded(row.installed.source),
        given=given or {},
        error=error and error.message,
        field=getattr(error, "field", None),
        switched=switched,
    )


async def _state(services: Services) -> State:
    history = await Records(services.database).history()
    kept = [(one, msgspec.json.decode(one.content, type=Generation)) for one in history]
    folders = Folders(services.configuration.data)
    here = folders.current_generation
    newest = kept[0][1] if kept else Generation()
    # A request may reach the process of before a reload, which has other plugins than are installed now.
    rows = {one.name: _row(one.name, here, kept, one.name, one.version) for one in here.plugins}
    were = {plugin.name for _, one in kept for plugin in one.plugins} - rows.keys()
    gone = {name for name in were if not is_own(name, folders.root)}
    for plugin in services.plugins.loaded:
        row = _row(plugin.name, here, kept, plugin.title, plugin.version)
        if plugin.name not in gone and row.version == plugin.version:
            rows[plugin.name] = replace(row, description=describe(plugin))
    for broken in services.plugins.broken:
        if broken.name not in gone:
            rows[broken.name] = _row(broken.name, here, kept, broken.name, "", broken.reason)
    left = [name for name in sorted(gone) if await revision(services.database, name) is not None]
    return State([rows[name] for name in sorted(rows)], history, newest.packages != here.packages, left)


def _row(
    name: str,
    here: Generation,
    kept: Sequence[tuple[PluginGeneration, Generation]],
    title: str,
    version: str,
    broken: str | None = None,
) -> Row:
    installed = here.plugin(name)
    if installed is None:
        return Row(name, title, version, None, None, broken=broken)
    package = here.package(installed.distribution)
    return Row(
        name,
        title,
        installed.version,
        installed,
        _since(installed, kept),
        package.hashes if package else (),
        broken,
    )


def _since(
    installed: InstalledPlugin, kept: Sequence[tuple[PluginGeneration, Generation]]
) -> PluginGeneration | None:
    """The oldest of the newest generations in a row that have this version."""
    found = None
    for row, generation in kept:
        other = generation.plugin(installed.name)
        if other is None or other.version != installed.version:
            break
        found = row
    return found


HANDLERS: list[Any] = [instance_plugins_page, instance_plugin_page, switch_instance_plugin, start_change]
