"""The functions of the whole instance, for its administrators: how they stand, what they print and cost."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from litestar import Response, get

from skyhook.clock import now
from skyhook.compute.standing import Deployed, Standing, Standings
from skyhook.errors import NotFound, SkyhookError
from skyhook.services import Services
from skyhook.usage.expenses import Group, Margin, margins
from skyhook_console.functions import WAIT_S, Function, functions_of, read_log
from skyhook_console.instance import administrator
from skyhook_console.visiting import Visit

DAYS = 30
"""Of which the costs are told."""


@dataclass(frozen=True, slots=True)
class Row:
    """A function that is installed, or deployed and installed no more."""

    name: str
    function: Function | None
    standing: Standing | None
    """None on this machine, and where the backend has never said."""
    cost: Margin | None
    """None where no call cost anything that is known."""

    @property
    def title(self) -> str:
        """Its class."""
        return self.name.rpartition(":")[2]

    @property
    def state(self) -> str:
        """`unknown`: the backend has never said how the function stands."""
        return self.standing.drift if self.standing is not None else "unknown"


@dataclass(frozen=True, slots=True)
class State:
    """What is known of the functions."""

    rows: Sequence[Row]
    is_deployed: bool
    """Whether the backend is one to which functions must be deployed."""
    standings: Standings | None
    problem: SkyhookError | None
    """Why none can be called."""

    @property
    def drifted(self) -> Sequence[Row]:
        """Those that a deployment would change."""
        return [row for row in self.rows if row.state in ("changed", "missing", "removed")]


@get("/instance/functions")
async def instance_functions_page(visit: Visit) -> Response[str]:
    """How every function stands, and what its calls and those of operations cost."""
    administrator(visit)
    state = await _state(visit.services)
    operations = await _costs(visit.services, "operation")
    return visit.page("instance_functions.html", state=state, operations=operations, days=DAYS)


@get("/instance/functions/{name:str}")
async def instance_function_page(visit: Visit, name: str) -> Response[str]:
    """One function, with the end of its log."""
    administrator(visit)
    function = next((one for one in functions_of(visit.services) if one.spec.name == name), None)
    if function is None:
        raise NotFound(f"No function {name!r} is installed.")
    compute = visit.services.compute
    state, log = await asyncio.gather(_state(visit.services), read_log(compute, function.spec))
    row = next(row for row in state.rows if row.name == name)
    return visit.page("instance_function.html", state=state, row=row, log=log, days=DAYS)


async def _state(services: Services) -> State:
    compute = services.compute
    costs = {one.group[0]: one for one in await _costs(services, "function")}
    installed = {one.spec.name: one for one in functions_of(services)}
    standings = await compute.standings(WAIT_S) if isinstance(compute, Deployed) else None
    stands = {one.name: one for one in standings.functions} if standings else {}
    rows = [
        Row(name, installed.get(name), stands.get(name), costs.get(name))
        for name in sorted(installed.keys() | stands.keys())
    ]
    return State(rows, standings is not None, standings, compute.problem)


async def _costs(services: Services, by: Group) -> list[Margin]:
    until = now()
    async with services.database.read() as session:
        return await margins(session, until - timedelta(days=DAYS), until, by)


HANDLERS: list[Any] = [instance_functions_page, instance_function_page]
