"""`skyhook schema`: the GraphQL schema of what is installed."""

from __future__ import annotations

from pathlib import Path

import click

from skyhook.app import compose_schema
from skyhook.graphql.export import breaking_changes, export_schema
from skyhook.plugins.host import PluginHost


@click.group()
def schema() -> None:
    """The GraphQL schema: export it, compare it with an older one."""


@schema.command()
def export() -> None:
    """Print the schema in the schema definition language."""
    click.echo(export_schema(compose_schema(PluginHost.discover())), nl=False)


@schema.command()
@click.argument("old", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def diff(old: Path) -> None:
    """Print what changed since the exported schema OLD and breaks clients; then exit with 1."""
    changes = breaking_changes(old.read_text(), export_schema(compose_schema(PluginHost.discover())))
    for change in changes:
        click.echo(change)
    if changes:
        raise SystemExit(1)
