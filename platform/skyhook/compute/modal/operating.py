"""What an operator asks of Modal beside calls: logs, warm containers, prices, and what was billed."""

from __future__ import annotations

import asyncio
import datetime
import signal
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import modal

from skyhook.compute.modal.naming import APP
from skyhook.compute.modal.pools import Pools
from skyhook.compute.modal.translation import translated
from skyhook.errors import InvalidInput
from skyhook.function import FunctionSpec

STOPPED = (signal.SIGINT, signal.SIGTERM)


async def log_of(
    spec: FunctionSpec | None, pool: str | None, lines: int, *, follows: bool
) -> AsyncGenerator[str, None]:
    """The last lines that containers of a function, or of all, have printed; then those that come.

    `pool` says which containers, where the function has several pools of them.

    Raises InvalidInput and the backend's errors.
    """
    if spec is not None and spec.isolated:
        raise InvalidInput(f"{spec.name} runs in sandboxes, of which Modal keeps no log; see the server's.")
    what = f"The app {APP!r}" if spec is None else spec.name
    try:
        source: Any = await modal.App.lookup.aio(APP) if spec is None else _any_method(spec, pool)
        async for entry in source.logs.tail.aio(lines):
            yield entry.message
        if follows:
            async for entry in source.logs.stream.aio():
                yield entry.message
    except Exception as error:
        raise translated(error, what) from error


async def keep_warm(spec: FunctionSpec, pool: str | None, containers: int, most: int | None) -> None:
    """Keeps so many containers of a function, or of a pool, until it is deployed again or this is asked anew.

    `most` is how many it may have at all. Raises InvalidInput and the backend's errors.
    """
    if spec.isolated:
        raise InvalidInput(f"{spec.name} runs each call in a sandbox of its own: none can be kept.")
    most = 1 if spec.stateful else most
    if most is not None and containers > most:
        raise InvalidInput(f"{spec.name} has {most} containers at most.", field="containers")
    try:
        method: Any = _any_method(spec, pool)
        await method.autoscaler.update.aio(min_containers=containers)
    except Exception as error:
        raise translated(error, spec.name) from error


@contextmanager
def told_to_end() -> Iterator[asyncio.Event]:
    """An event that is set where the process is told to end, which then goes on nevertheless."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in STOPPED:
        loop.add_signal_handler(number, told.set)
    try:
        yield told
    finally:
        for number in STOPPED:
            loop.remove_signal_handler(number)


async def billing_rates() -> Mapping[str, Decimal]:
    """What Modal charges the workspace for an hour, by its own names. Raises the backend's errors."""
    try:
        billing: Any = modal.Workspace.from_context().billing
        return dict(await billing.rates.aio())
    except Exception as error:
        raise translated(error, "Modal's prices") from error


async def billed(since: datetime.datetime, until: datetime.datetime) -> int:
    """What Modal has billed for the app in whole days, in nano-dollars. Raises the backend's errors."""
    try:
        app = await modal.App.lookup.aio(APP)
        billing: Any = modal.Workspace.from_context().billing
        items = await billing.report.aio(start=since, end=until)
    except Exception as error:
        raise translated(error, "Modal's bill") from error
    return round(sum((item.cost for item in items if item.object_id == app.app_id), Decimal()) * 10**9)


def _any_method(spec: FunctionSpec, pool: str | None) -> Any:
    """All methods of a class are one function on Modal, in each pool. Raises InvalidInput."""
    if spec.pool is not None and pool is None:
        raise InvalidInput(
            f"{spec.name} has containers for each {spec.pool}: say which with --pool.", field="pool"
        )
    if spec.pool is None and pool is not None:
        raise InvalidInput(f"{spec.name} has one pool of containers.", field="pool")
    return Pools(spec, None).instance(pool).call
