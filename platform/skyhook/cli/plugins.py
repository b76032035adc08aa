"""`skyhook plugins`: what is installed, and whether it keeps the contract."""

from __future__ import annotations

import click

from skyhook.app import load_plugins
from skyhook.conformance.running import judge_all


@click.group()
def plugins() -> None:
    """Plugins: list them with what each brings, check them."""


@plugins.command("list")
def list_plugins() -> None:
    """List the installed plugins, the broken ones with the reason."""
    host = load_plugins()
    for plugin in host.loaded:
        operations = ", ".join(operation.name for operation in plugin.operations)
        click.echo(f"{plugin.name:12} {plugin.version:10} {operations}")
    for broken in host.broken:
        click.secho(f"{broken.name:12} broken: {broken.reason}", fg="red")
    if host.broken:
        raise SystemExit(1)


@plugins.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
def check(names: tuple[str, ...]) -> None:
    """Check that plugins keep the contract: all of them, or those named. Exits with 1 where one does not."""
    host = load_plugins()
    known = {plugin.name for plugin in host.loaded} | {broken.name for broken in host.broken}
    if unknown := [name for name in names if name not in known]:
        raise click.ClickException(f"No plugin {unknown[0]!r} is installed: see `skyhook plugins list`.")
    has_failed = False
    for verdict in judge_all(host, names):
        if verdict.passed:
            click.echo(f"{verdict.plugin:12} {verdict.check:14} ok")
        else:
            has_failed = True
            click.secho(f"{verdict.plugin:12} {verdict.check:14} {'; '.join(verdict.problems)}", fg="red")
    if has_failed:
        raise SystemExit(1)
