"""Plugins: which there are, what each brings, how it fares, and whether the organization uses it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get, post

from skyhook.compute.backend import WorkerState
from skyhook.errors import NotFound
from skyhook.function import FunctionSpec, spec_of
from skyhook.graphql.schema import Kind, root_fields
from skyhook.operations.caller import Caller
from skyhook.plugins.errors import SettingInvalid
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.manifest import Operation, Plugin
from skyhook.plugins.models import PluginFailure
from skyhook.scopes import ACCOUNT_READ, ACCOUNT_WRITE
from skyhook.services import Services
from skyhook_console.navigation import Link
from skyhook_console.visiting import Http, Visit, go


@dataclass(frozen=True, slots=True)
class Card:
    """A plugin as the list shows it."""

    plugin: Plugin
    is_on: bool
    brings: Sequence[tuple[int, str]]
    """How many of what."""
    failures: Sequence[PluginFailure]
    """Within a day, the last one first."""
    pages: Sequence[Link]
    """Those of its own."""


@dataclass(frozen=True, slots=True)
class Field:
    """A root field that a plugin brings."""

    kind: Kind
    name: str
    description: str
    operation: Operation | None
    """The operation of its name, where it is one."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function with how its worker fares."""

    spec: FunctionSpec
    state: WorkerState
    last_error: str | None
    """For administrators of the instance alone."""


@get("/o/{slug:str}/plugins")
async def plugins_page(visit: Visit, slug: str) -> Response[str]:
    """The plugins of this instance."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    failures = await visit.services.failures.latest(caller.organization_id)
    host = visit.services.plugins
    cards = [
        Card(
            plugin,
            plugin.name not in caller.disabled_plugins,
            _brings(plugin),
            [failure for failure in failures if failure.plugin == plugin.name],
            visit.pages_of(plugin),
        )
        for plugin in host.loaded
    ]
    return visit.page("plugins.html", cards=cards, broken=host.broken)


@get("/o/{slug:str}/plugins/{name:str}")
async def plugin_page(visit: Visit, slug: str, name: str, saved: bool = False) -> Response[str]:
    """All of one plugin."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    host, folders = visit.services.plugins, Folders(visit.services.configuration.data)
    known = {one.name for one in host.loaded} | {one.name for one in host.broken}
    if name not in known and folders.current_generation.plugin(name) is not None:
        # It was installed since this process began, so another one serves: a new connection leads there.
        again = {"Location": visit.request.url.path, "Connection": "close"}
        return Response("", status_code=303, headers=again)
    return await _page(visit, caller, name, is_saved=saved)


@post("/o/{slug:str}/plugins/{name:str}/settings", status_code=200)
async def set_plugin(request: Http, visit: Visit, slug: str, name: str) -> Response[str]:
    """Saves a plugin's settings, for the whole instance."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    visit.visitor.require_instance_administrator()
    if (asked := await visit.ask_again()) is not None:
        return asked
    form = await request.form()
    given = {key: str(value) for key, value in form.items()}
    forgotten = {str(value) for value in form.getall("forget", [])}
    texts = {}
    for known in visit.services.settings.known(name):
        setting = known.setting
        if setting.name in forgotten:
            texts[setting.name] = ""
        elif given.get(setting.name) or not setting.is_secret:
            texts[setting.name] = given.get(setting.name, "")
    try:
        await visit.services.settings.save(caller, name, texts)
    except SettingInvalid as error:
        return await _page(visit, caller, name, given=given, error=error)
    return go(request, f"/console/o/{slug}/plugins/{name}?saved=true#settings")


@post("/o/{slug:str}/plugins/{name:str}/enable", status_code=200)
async def enable_plugin(visit: Visit, slug: str, name: str) -> Response[str]:
    """Switches a plugin on for the organization."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    await visit.services.switches.enable(caller, name)
    return go(visit.request, f"/console/o/{slug}/plugins/{name}")


@post("/o/{slug:str}/plugins/{name:str}/disable", status_code=200)
async def disable_plugin(visit: Visit, slug: str, name: str) -> Response[str]:
    """Switches a plugin off for the organization."""
    visit, caller = visit.at(slug, ACCOUNT_WRITE)
    if (asked := await visit.ask_again()) is not None:
        return asked
    await visit.services.switches.disable(caller, name)
    return go(visit.request, f"/console/o/{slug}/plugins/{name}")


async def _page(
    visit: Visit,
    caller: Caller,
    name: str,
    *,
    given: Mapping[str, str] | None = None,
    error: SettingInvalid | None = None,
    is_saved: bool = False,
) -> Response[str]:
    services = visit.services
    form: dict[str, Any] = {
        "settings": services.settings.known(name) if visit.visitor.user.is_instance_administrator else [],
        "given": given or {},
        "error": error,
        "is_saved": is_saved,
        "administers_instance": visit.visitor.user.is_instance_administrator,
        "status": error.status if error else 200,
    }
    for broken in services.plugins.broken:
        if broken.name == name:
            return visit.page("plugin_broken.html", plugin=broken, **form)
    plugin = next((one for one in services.plugins.loaded if one.name == name), None)
    if plugin is None:
        raise NotFound("There is no such plugin.")
    rates = services.billing.prices.current(caller.organization_id)
    operations = {operation.name: operation for operation in plugin.operations}
    fields = [Field(*field, operations.pop(field[1], None)) for field in root_fields(plugin)]
    return visit.page(
        "plugin.html",
        plugin=plugin,
        is_on=plugin.name not in caller.disabled_plugins,
        may_switch=caller.has_scope(ACCOUNT_WRITE),
        failures=await services.failures.latest(caller.organization_id, plugin.name),
        fields=fields,
        beside_fields=list(operations.values()),
        meters=[(meter, rates[meter.name, None].price) for meter in plugin.meters],
        functions=_functions(services, plugin),
        tables=sorted(plugin.tables.tables) if plugin.tables is not None else [],
        pages=visit.pages_of(plugin),
        **form,
    )


def _brings(plugin: Plugin) -> list[tuple[int, str]]:
    counted = [
        (len(root_fields(plugin)), "field"),
        (len(plugin.operations), "operation"),
        (len(plugin.routes), "connection"),
        (len(plugin.functions), "function"),
        (len(plugin.models), "model"),
    ]
    return [(number, f"{name}{'' if number == 1 else 's'}") for number, name in counted if number]


def _functions(services: Services, plugin: Plugin) -> list[Function]:
    """The plugin's functions, each with how its worker in this process fares."""
    known = {status.function: status for status in services.compute.status()}
    specs = [spec_of(function) for function in plugin.functions]
    return [
        Function(spec, known[spec.name].state, known[spec.name].last_error)
        if spec.name in known
        else Function(spec, "stopped", None)
        for spec in specs
    ]


HANDLERS: list[Any] = [plugins_page, plugin_page, set_plugin, enable_plugin, disable_plugin]
