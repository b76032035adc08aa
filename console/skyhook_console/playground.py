"""The playground: what plugins offer to be tried, each on a page that runs it."""

from __future__ import annotations

import importlib.resources
import json
import mimetypes
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
    read = _find(services, name, example)
    models = await services.catalogue.list(name)
    return visit.page(
        "playground_example.html",
        plugin=next(plugin for plugin in services.plugins.loaded if plugin.name == name),
        read=read,
        example=read.example,
        others=services.plugins.examples[name],
        inputs=inputs_of(read, models),
        earlier=json.dumps(_conversation(read)),
        is_on=name not in caller.disabled_plugins,
        lacks=_lacks(services, caller, read),
    )


@get("/o/{slug:str}/playground/{name:str}/{example:str}/{variable:str}")
async def sample_file(visit: Visit, slug: str, name: str, example: str, variable: str) -> Response[bytes]:
    """The file that an example begins with where the organization has none."""
    visit, _ = visit.at(slug, ACCOUNT_READ)
    package, _, path = _find(visit.services, name, example).example.samples.get(variable, "").partition(":")
    if not path:
        raise NotFound("There is no sample of this name.")
    file = importlib.resources.files(package).joinpath(path)
    headers = {"Content-Disposition": f'attachment; filename="{file.name}"'}
    media_type = mimetypes.guess_type(file.name)[0] or "application/octet-stream"
    return Response(file.read_bytes(), media_type=media_type, headers=headers)


def _find(services: Services, name: str, slug: str) -> ReadExample:
    """A plugin's example. Raises NotFound."""
    for read in services.plugins.examples.get(name, ()):
        if read.example.slug == slug:
            return read
    raise NotFound("There is nothing of this name to be tried.")


def _conversation(read: ReadExample) -> list[Any]:
    """The messages that a conversation begins with."""
    name = read.example.conversation
    return next((variable.value for variable in read.variables if variable.name == name), [])


def _lacks(services: Services, caller: Caller, read: ReadExample) -> str | None:
    """A scope that the visitor would need to run an example, and does not have."""
    operations = services.plugins.operations
    needed = [operations[field][1].scope for field in read.fields if field in operations]
    return next((scope for scope in needed if not caller.has_scope(scope)), None)


HANDLERS: list[Any] = [playground_page, example_page, sample_file]
