"""`skyhook plugins`: what is installed."""

from __future__ import annotations

import click

from skyhook.app import load_plugins


@click.group()
def plugins() -> None:
    """Plugins: list them with what each brings."""


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
