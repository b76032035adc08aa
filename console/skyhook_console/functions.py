"""Functions: what each needs, whether a worker is warm, and, for the operator, how it fares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from litestar import Response, get

from skyhook.compute.backend import Compute, WorkerStatus
from skyhook.errors import NotFound, SkyhookError
from skyhook.function import FunctionSpec, spec_of
from skyhook.plugins.manifest import Plugin
from skyhook.scopes import ACCOUNT_READ
from skyhook.services import Services
from skyhook_console.visiting import Visit

WAIT_S = 0.7
"""How long a page waits for the backend: it answers within a second."""
LOG_LINES = 200
LOG_LENGTH = 20_000
"""How many characters of a log a page shows."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function that plugins bring, with its worker in this server process."""

    plugins: Sequence[Plugin]
    spec: FunctionSpec
    status: WorkerStatus | None
    """None where it was not called since the server started."""

    @property
    def module(self) -> str:
        """Where it is defined."""
        return self.spec.name.partition(":")[0]

    @property
    def title(self) -> str:
        """Its class."""
        return self.spec.name.partition(":")[2]

    @property
    def state(self) -> str:
        """`cold`: the next call starts a worker."""
        return "cold" if self.status is None or self.status.state == "stopped" else self.status.state


@get("/o/{slug:str}/functions")
async def functions_page(visit: Visit, slug: str) -> Response[str]:
    """The functions of this instance; what other organizations do with them, its administrators alone see."""
    visit, _ = visit.at(slug, ACCOUNT_READ)
    functions = functions_of(visit.services)
    return visit.page(
        "functions.html",
        functions=functions,
        backend=visit.services.configuration.compute,
        warm=sum(function.state in ("warm", "busy") for function in functions),
        is_live=any(function.state in ("starting", "busy") for function in functions),
        administers_instance=visit.visitor.user.is_instance_administrator,
    )


@get("/o/{slug:str}/functions/{name:str}")
async def function_page(visit: Visit, slug: str, name: str) -> Response[str]:
    """One function with the end of its log, which may tell of every organization's calls."""
    visit, _ = visit.at(slug, ACCOUNT_READ)
    visit.visitor.require_instance_administrator()
    function = next((one for one in functions_of(visit.services) if one.spec.name == name), None)
    if function is None:
        raise NotFound("There is no such function.")
    return visit.page(
        "function.html", function=function, log=await read_log(visit.services.compute, function.spec)
    )


@dataclass(frozen=True, slots=True)
class Log:
    """The last lines of a function's log."""

    text: str
    problem: str | None
    """Why there is none, where it could not be read."""


async def read_log(compute: Compute, spec: FunctionSpec) -> Log:
    """The log of a function, as far as the backend gives it in time for a page."""
    try:
        async with asyncio.timeout(WAIT_S):
            text = await compute.log(spec, LOG_LINES)
    except SkyhookError as error:
        return Log("", f"{error.message} ({error.code})")
    except TimeoutError:
        return Log("", "Modal did not give the log in time.")
    shown = text[-LOG_LENGTH:]
    return Log(shown if len(shown) == len(text) else shown.partition("\n")[2], None)


def functions_of(services: Services) -> list[Function]:
    """Every function that the loaded plugins bring, once."""
    known = {status.function: status for status in services.compute.status()}
    bringing: dict[FunctionSpec, list[Plugin]] = {}
    for plugin in services.plugins.loaded:
        for function in plugin.functions:
            bringing.setdefault(spec_of(function), []).append(plugin)
    return [Function(plugins, spec, known.get(spec.name)) for spec, plugins in bringing.items()]


HANDLERS: list[Any] = [functions_page, function_page]
