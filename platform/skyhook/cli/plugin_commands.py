"""`skyhook <plugin> ...`: the core's commands first, then those of the installed plugins."""

from __future__ import annotations

import functools
from contextlib import suppress
from typing import Any

import click

from skyhook.cli.run import with_services
from skyhook.configuration import Configuration
from skyhook.plugins.commands import load_commands
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.host import PluginHost
from skyhook.plugins.installation.folders import import_installed
from skyhook.plugins.manifest import Plugin


class CommandsOfPlugins(click.Group):
    """Looks for plugins only where a command is not the core's own, or all are to be listed."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        # Before anything looks for plugins. A malformed variable is told by the command that needs it.
        with suppress(ValueError):
            import_installed(Configuration.from_environment().data)
        return super().make_context(info_name, args, parent, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *sorted(_bringing())]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if (own := super().get_command(ctx, cmd_name)) is not None:
            return own
        if (plugin := _bringing().get(cmd_name)) is None:
            return None
        ctx.obj = with_services
        try:
            return load_commands(plugin)
        except PluginBroken as error:
            return _broken(cmd_name, error)


@functools.cache
def _bringing() -> dict[str, Plugin]:
    return {plugin.name: plugin for plugin in PluginHost.discover().loaded if plugin.commands}


def _broken(name: str, error: PluginBroken) -> click.Command:
    """Stands in for a group that cannot be loaded, so that everything else works."""

    def fail() -> None:
        raise click.ClickException(error.message)

    options = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(
        name,
        callback=fail,
        short_help=f"Broken: {error.reason}",
        context_settings=options,
        add_help_option=False,
    )
