"""`skyhook functions`: the functions of the installed plugins, how they stand on Modal, what they cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import click

from skyhook.cli.parameters import Duration, Moment
from skyhook.cli.run import configuration, errors_as_sentences, run_loop, with_services
from skyhook.clock import now
from skyhook.compute.choice import require_modal
from skyhook.compute.log import lines_of, log_path
from skyhook.compute.modal.installed import installed_functions
from skyhook.compute.modal.naming import named
from skyhook.compute.modal.prices import read_prices, refreshed, write_prices
from skyhook.compute.modal.settings import FunctionSettings, read_settings
from skyhook.compute.standing import Standing
from skyhook.function import spec_of
from skyhook.services import Services
from skyhook.usage.expenses import GROUPS, Group, Margin, margins

_COLOURS = {"deployed": "green", "changed": "yellow", "missing": "yellow", "removed": "red"}


@click.group()
def functions() -> None:
    """Functions: list and deploy them, read their logs, keep them warm, see what they cost."""


@functions.command("list")
def list_functions() -> None:
    """List the functions; with SKYHOOK_COMPUTE=modal also whether the installed version is deployed.

    `changed`: Modal has another version; `missing`: it has none; `removed`: it has one that is not installed.
    Exits with 1 where something is not `deployed`.
    """
    if configuration().compute == "local":
        for function in installed_functions():
            click.echo(f"{spec_of(function).name:60} local")
        return
    with errors_as_sentences():
        require_modal()
    from skyhook.compute.modal.deployment import standings

    found = run_loop(standings(configuration()))
    _show(found)
    if any(standing.drift != "deployed" for standing in found):
        raise SystemExit(1)


@functions.command()
def deploy() -> None:
    """Deploy the functions of all installed plugins to Modal, and take away those that are not installed.

    Running calls end in the containers that they are in. The token is read from MODAL_TOKEN_ID and
    MODAL_TOKEN_SECRET, or from what `modal setup` has written.
    """
    with errors_as_sentences():
        require_modal()
    from skyhook.compute.modal.deployment import deploy as deploy_all

    _show(run_loop(deploy_all(configuration())))


@functions.command()
@click.argument("name", required=False)
@click.option(
    "--lines", type=click.IntRange(1, 20_000), default=100, show_default=True, help="The last so many."
)
@click.option(
    "--pool", help="Whose containers, of a function that has some for each: such as a model's name."
)
@click.option("--follow", "follows", is_flag=True, help="Then show what comes, until it is interrupted.")
def logs(name: str | None, lines: int, pool: str | None, follows: bool) -> None:
    """Show what the function NAME has printed, or all of them.

    NAME is as in `skyhook functions list`, or its last part. On this machine the log is that of the data
    folder's workers; on Modal, of all containers of the deployed app, whichever server has called them.
    """
    with errors_as_sentences():
        specs = [spec_of(one) for one in installed_functions()]
        spec = named(name, specs) if name else None
    read: Callable[..., AsyncGenerator[str, None]]
    if configuration().compute == "local":
        if pool is not None:
            raise click.UsageError("--pool is of functions on Modal.")
        paths = [log_path(configuration().data, one.name) for one in ([spec] if spec else specs)]
        read = partial(lines_of, paths)
    else:
        with errors_as_sentences():
            require_modal()
        from skyhook.compute.modal.operating import log_of

        read = partial(log_of, spec, pool)

    async def show() -> None:
        async for text in read(lines, follows=follows):
            click.echo(text, nl=not text.endswith("\n"))

    run_loop(show())


@functions.command()
@click.argument("name")
@click.option(
    "--pool", help="Whose containers, of a function that has some for each: such as a model's name."
)
@click.option("--containers", type=click.IntRange(min=0), default=1, show_default=True, help="0 ends it.")
@click.option("--for", "duration", type=Duration(), help="Such as 30m or 2h; then it is ended.")
def warm(name: str, pool: str | None, containers: int, duration: float | None) -> None:
    """Keep containers of the function NAME on Modal also while nobody calls it. They cost what busy ones do.

    With --for the command waits until that time is over, or it is interrupted, and then sets back what the
    function's settings say. Without it the containers stay until `--containers 0` or the next deploy.
    """
    with errors_as_sentences():
        require_modal()
    from skyhook.compute.modal.operating import keep_warm, told_to_end

    with errors_as_sentences():
        specs = [spec_of(one) for one in installed_functions()]
        spec = named(name, specs)
        settings = read_settings(configuration(), specs).get(spec.name, FunctionSettings())

    async def keep(count: int) -> None:
        await keep_warm(spec, pool, count, settings.max_containers)
        click.echo(f"{spec.name} keeps {count} containers{f' for {pool}' if pool else ''}.")

    async def keep_for(seconds: float) -> None:
        with told_to_end() as told:
            try:
                await keep(containers or settings.min_containers)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await told.wait()
            finally:
                await keep(settings.min_containers)

    run_loop(keep(containers or settings.min_containers) if duration is None else keep_for(duration))


@functions.command()
@click.option("--refresh", is_flag=True, help="Ask Modal what it charges the workspace now, and keep that.")
def prices(refresh: bool) -> None:
    """Show what Modal charges, as the cost of calls is computed: in dollars for an hour."""
    with errors_as_sentences():
        found = read_prices(configuration())
    if refresh:
        with errors_as_sentences():
            require_modal()
        from skyhook.compute.modal.operating import billing_rates

        found, untold = refreshed(found, run_loop(billing_rates()), now().date())
        write_prices(configuration(), found)
        if untold:
            click.secho(f"Modal tells no price of {', '.join(untold)}: the old one stays.", fg="yellow")
        click.echo("Running servers use these prices once they start again.")
    click.echo(f"As of {found.date}, by {found.source}:")
    rates = {
        "core": found.core,
        "GiB of memory": found.memory_gib,
        "core of a sandbox": found.sandbox_core,
        "GiB of a sandbox": found.sandbox_memory_gib,
        **found.gpus,
    }
    for resource, nano in rates.items():
        click.echo(f"  {resource:17} {nano * 3600 / 1e9:9.4f}")


@functions.command()
@click.option("--since", type=Moment(), help="From this time on; the default is 30 days ago.")
@click.option("--by", type=click.Choice(GROUPS), default="operation", show_default=True)
@click.option(
    "--billed", "with_bill", is_flag=True, help="Also ask Modal what it has billed, for whole days."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON, in nano-dollars.")
def cost(since: datetime | None, by: Group, with_bill: bool, as_json: bool) -> None:
    """Show what calls on Modal cost, and what was charged for them, in dollars.

    Calls whose cost nobody knows are left out: those on this machine, and those of a GPU without a price.
    The time in which containers start or have nothing to do is not in it; --billed shows what that comes to.
    """
    until = now()
    since = since or until - timedelta(days=30)
    if with_bill:
        with errors_as_sentences():
            require_modal()
        since, until = _midnight(since), _midnight(until)
        if since >= until:
            raise click.UsageError("--billed compares whole days: give a --since before today.")

    async def work(services: Services) -> list[Margin]:
        async with services.database.read() as session:
            return await margins(session, since, until, by)

    found = with_services(work)
    bill = None
    if with_bill:
        from skyhook.compute.modal.operating import billed

        bill = run_loop(billed(since, until))
    if as_json:
        rows = [{by: " ".join(one.group)} | _figures(one) for one in found]
        click.echo(json.dumps({"rows": rows} | ({} if bill is None else {"billed": bill}), indent=2))
    else:
        _show_margins(found, by, bill)


def _figures(one: Margin) -> dict[str, float]:
    return {
        "calls": one.calls,
        "seconds": one.seconds,
        "charged": one.charged,
        "cost": one.expense,
        "failed": one.failed,
    }


def _show_margins(found: Sequence[Margin], by: Group, bill: int | None) -> None:
    is_charged = by != "function"  # an operation is charged, not what it runs
    click.echo(f"{by:56} {'calls':>9} {'seconds':>10} {'cost':>12} {'failed':>12}", nl=not is_charged)
    if is_charged:
        click.echo(f" {'charged':>12} {'margin':>12}")
    for one in found:
        dollars = [one.expense, one.failed] + ([one.charged, one.charged - one.expense] if is_charged else [])
        figures = " ".join(f"{nano / 1e9:12.6f}" for nano in dollars)
        click.echo(f"{' '.join(one.group):56} {one.calls:9} {one.seconds:10.1f} {figures}")
    if bill is not None:
        explained = sum(one.expense for one in found)
        click.echo(
            f"Modal has billed {bill / 1e9:.4f} for whole days; {explained / 1e9:.4f} of it is that of calls."
        )


def _midnight(at: datetime) -> datetime:
    return at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _show(found: Sequence[Standing]) -> None:
    for standing in found:
        gpus = " or ".join(standing.gpus) or "-"
        click.echo(f"{standing.name:60} {gpus:8} ", nl=False)
        click.secho(standing.drift, fg=_COLOURS[standing.drift])
