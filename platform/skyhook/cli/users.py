"""`skyhook users`: who can own an organization."""

from __future__ import annotations

import click

from skyhook.cli.run import with_services


@click.group()
def users() -> None:
    """Users: create one, let one administer the instance."""


@users.command()
@click.argument("email")
@click.option("--name", help="The default is EMAIL.")
@click.password_option(help="Asked for if not given.")
def create(email: str, name: str | None, password: str) -> None:
    """Create the user EMAIL, who can then own organizations."""
    with_services(lambda services: services.accounts.create_user(email, name or email, password))
    click.echo(f"Created {email}.")


@users.command()
@click.argument("email")
@click.option("--revoke", is_flag=True, help="Take it away again.")
def administrator(email: str, revoke: bool) -> None:
    """Let the user EMAIL administer the whole instance in the console: plugins and their settings."""
    with_services(lambda services: services.accounts.set_instance_administrator(email, not revoke))
    click.echo(f"{email} is {'no longer' if revoke else 'now'} an administrator of the instance.")
