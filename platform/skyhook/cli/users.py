"""`skyhook users`: who can own an organization."""

from __future__ import annotations

import click

from skyhook.cli.run import with_services


@click.group()
def users() -> None:
    """Users: create one."""


@users.command()
@click.argument("email")
@click.option("--name", help="The default is EMAIL.")
@click.password_option(help="Asked for if not given.")
def create(email: str, name: str | None, password: str) -> None:
    """Create the user EMAIL, who can then own organizations."""
    with_services(lambda services: services.accounts.create_user(email, name or email, password))
    click.echo(f"Created {email}.")
