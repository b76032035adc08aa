"""`skyhook keys`: a way in for the operator who has lost every key."""

from __future__ import annotations

import click

from skyhook.cli.run import with_services
from skyhook.keys.service import KeyLimits
from skyhook.operations.caller import Caller
from skyhook.services import Services


@click.group()
def keys() -> None:
    """Keys: create one from the server's own shell."""


@keys.command()
@click.argument("organization")
@click.option("--name", default="From the command line", show_default=True)
@click.option("--scope", "scopes", multiple=True, default=("*",), show_default=True)
def create(organization: str, name: str, scopes: tuple[str, ...]) -> None:
    """Create a key for ORGANIZATION (its slug) and print it, this once."""

    async def work(services: Services) -> str:
        found = await services.accounts.organization_named(organization)
        caller = Caller(found.id, None, None, frozenset({"*"}))
        _, text = await services.keys.create(caller, name, KeyLimits(scopes=scopes))
        return text

    click.echo(with_services(work))
