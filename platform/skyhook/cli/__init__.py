"""The command line, `skyhook`: one file a group of commands, and those of plugins."""

from __future__ import annotations

import click

from skyhook import __version__
from skyhook.cli import (
    artifacts,
    billing,
    credit,
    functions,
    invoices,
    keys,
    models,
    organizations,
    plans,
    plugins,
    prices,
    schema,
    server,
    train,
    users,
)
from skyhook.cli.plugin_commands import CommandsOfPlugins


@click.group(cls=CommandsOfPlugins)
@click.version_option(__version__)
def main() -> None:
    """Skyhook: a plugin-based serverless AI API platform."""


main.add_command(server.up)
main.add_command(server.init)
main.add_command(server.serve)
main.add_command(server.migrate)
main.add_command(models.models)
main.add_command(train.train)
main.add_command(functions.functions)
main.add_command(plugins.plugins)
main.add_command(artifacts.artifacts)
main.add_command(keys.keys)
main.add_command(organizations.organizations)
main.add_command(users.users)
main.add_command(credit.credit)
main.add_command(billing.billing)
main.add_command(plans.plans)
main.add_command(invoices.invoices)
main.add_command(prices.prices)
main.add_command(schema.schema)
