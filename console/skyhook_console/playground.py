"""The playground: what plugins offer to be tried, each on a page that runs it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from skyhook.errors import NotFound
from skyhook.graphql.examples import ReadExample
from skyhook.operations.caller import Caller
from skyhook.plugins.manifest import Plugin
from skyhook.scopes import ACCOUNT_READ
from skyhook.services import Services
from skyhook_console.inputs import inputs_of
from skyhook_console.visiting import Visit


@dataclass(frozen=True, slots=True)
class Group:
    """What can be tried of a plugin."""

    plugin: Plugin
    is_on: bool
    examples: Sequence[ReadExample]


@get("/o/{slug:str}/playground")
async def playground_page(visit: Visit, slug: str) -> Response[str]:
    """All that can be tried, by plugin."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    host = visit.services.plugins
    groups = [
        Group(plugin, plugin.name not in caller.disabled_plugins, examples)
        for plugin in host.loaded
        if (examples := host.examples[plugin.name])
    ]
    return visit.page("playground.html", groups=groups)


@get("/o/{slug:str}/playground/{name:str}/{example:str}")
async def example_page(visit: Visit, slug: str, name: str, example: str) -> Response[str]:
    """One example: a form for its variables, and the place of its answers."""
    visit, caller = visit.at(slug, ACCOUNT_READ)
    services = visit.services
    plugin = next((one for one in services.plugins.loaded if one.name == name), None)
    others = services.plugins.examples.get(name, ())
    read = next((one for one in others if one.example.slug == example), None)
    if plugin is None or read is None:
        raise NotFound("There is nothing of this name to be tried.")
    models = await services.catalogue.list(name)
    return visit.page(
        "playground_example.html",
        plugin=plugin,
        read=read,
        example=read.example,
        others=others,
        inputs=inputs_of(read, models),
        earlier=json.dumps(_conversation(read)),
        is_on=name not in caller.disabled_plugins,
        lacks=_lacks(services, caller, read),
    )


def _conversation(read: ReadExample) -> list[Any]:
    """The messages that a conversation begins with."""
    name = read.example.conversation
    return next((variable.value for variable in read.variables if variable.name == name), [])


def _lacks(services: Services, caller: Caller, read: ReadExample) -> str | None:
    """A scope that the visitor would need to run an example, and does not have."""
    operations = services.plugins.operations
    needed = [operations[field][1].scope for field in read.fields if field in operations]
    return next((scope for scope in needed if not caller.has_scope(scope)), None)


HANDLERS: list[Any] = [playground_page, example_page]
