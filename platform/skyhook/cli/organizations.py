"""`skyhook organizations`: who the instance serves."""

from __future__ import annotations

import click

from skyhook.accounts.models import Organization
from skyhook.cli.run import with_services
from skyhook.services import Services


@click.group()
def organizations() -> None:
    """Organizations: create one for a user."""


@organizations.command()
@click.argument("slug")
@click.option("--name", help="The default is SLUG.")
@click.option("--owner", required=True, help="The e-mail address of a user.")
def create(slug: str, name: str | None, owner: str) -> None:
    """Create the organization SLUG with its owner; it has no credit until some is granted."""

    async def work(services: Services) -> Organization:
        user = await services.accounts.user_named(owner)
        return await services.accounts.create_organization(name or slug, slug, user.id)

    with_services(work)
    click.echo(f"Created {slug}. Grant it credit: skyhook credit grant {slug} DOLLARS")
