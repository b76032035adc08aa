"""`skyhook plugins`: what is installed, and whether it keeps the contract; install, upgrade, remove."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from skyhook.app import load_plugins
from skyhook.cli.plugin_development import dev, new
from skyhook.cli.run import configuration, run_loop, with_services
from skyhook.conformance.running import judge_all
from skyhook.database import Database
from skyhook.errors import NotFound
from skyhook.operations.caller import Caller
from skyhook.plugins.description import Description, describe
from skyhook.plugins.installation.folders import Folders
from skyhook.plugins.installation.proposing import Proposal
from skyhook.plugins.installation.resolving import Index
from skyhook.plugins.installation.service import Installer
from skyhook.plugins.manifest import Plugin
from skyhook.services import Services

MADE_BY = "the command line"


@click.group()
def plugins() -> None:
    """Plugins: install, upgrade and remove them, list them with what each brings, check them."""


@plugins.command("list")
def list_plugins() -> None:
    """List the installed plugins, the broken ones with the reason."""
    host = load_plugins()
    generation = Folders(configuration().data).current_generation
    for plugin in host.loaded:
        operations = ", ".join(operation.name for operation in plugin.operations)
        installed = generation.plugin(plugin.name)
        source = f" (from {installed.source})" if installed else ""
        click.echo(f"{plugin.name:12} {plugin.version:10} {operations}{source}")
    for broken in host.broken:
        click.secho(f"{broken.name:12} broken: {broken.reason}", fg="red")
    if host.broken:
        raise SystemExit(1)


@plugins.command()
@click.argument("name")
def info(name: str) -> None:
    """Show what the plugin NAME brings and asks for, and where it came from."""
    host = load_plugins()
    for broken in host.broken:
        if broken.name == name:
            raise click.ClickException(f"{name} is broken: {broken.reason}")
    plugin = next((one for one in host.loaded if one.name == name), None)
    if plugin is None:
        raise click.ClickException(f"No plugin {name!r} is installed: see `skyhook plugins list`.")
    _name(plugin)
    for part, text in describe(plugin).lines():
        click.echo(f"  {part:10} {text}")
    generation = Folders(configuration().data).current_generation
    if installed := generation.plugin(name):
        click.echo(f"  {'from':10} {installed.source}")
        package = generation.package(installed.distribution)
        for one in package.hashes if package else ():
            click.echo(f"  {'hash':10} {one}")
    else:
        click.echo(f"  {'from':10} the server's own packages")


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


Options = Callable[[Callable[..., None]], Callable[..., None]]
_YES: Options = click.option("--yes", is_flag=True, help="Do not ask.")
_FIND_LINKS: Options = click.option(
    "--find-links",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of wheels to look in, beside the index.",
)
_OFFLINE: Options = click.option("--offline", is_flag=True, help="Ask nothing of the network.")


@plugins.command()
@click.argument("source")
@_YES
@_FIND_LINKS
@_OFFLINE
def install(source: str, yes: bool, find_links: Path | None, offline: bool) -> None:
    """Install a plugin from SOURCE: a name, a wheel, a folder, or git+URL."""
    _change(lambda installer: installer.propose.install(source), yes, Index(find_links, offline))


@plugins.command()
@click.argument("name")
@click.argument("source", required=False)
@_YES
@_FIND_LINKS
@_OFFLINE
def upgrade(name: str, source: str | None, yes: bool, find_links: Path | None, offline: bool) -> None:
    """Upgrade the plugin NAME, from where it came or from SOURCE."""
    _change(lambda installer: installer.propose.upgrade(name, source), yes, Index(find_links, offline))


@plugins.command()
@click.argument("name")
@click.option("--purge", is_flag=True, help="Delete its tables with all that is in them, and its settings.")
@_YES
def remove(name: str, purge: bool, yes: bool) -> None:
    """Remove the plugin NAME. What it has stored stays, unless it is purged."""

    async def work(installer: Installer) -> Proposal | None:
        try:
            return await installer.propose.removal(name)
        except NotFound:
            if not purge:
                raise
            return None  # it was removed before, and its data are left

    _change(work, yes, Index(offline=True), purged=name if purge else None)


@plugins.command()
@click.argument("number", type=int, required=False)
@_YES
@_OFFLINE
def rollback(number: int | None, yes: bool, offline: bool) -> None:
    """Go back to what was installed before the last change, or at generation NUMBER. Tables stay."""
    _change(lambda installer: installer.propose.rollback(number), yes, Index(offline=offline))


@plugins.command()
@_YES
@_FIND_LINKS
@_OFFLINE
def sync(yes: bool, find_links: Path | None, offline: bool) -> None:
    """Install on this machine what the database says is installed."""
    _change(lambda installer: installer.propose.sync(), yes, Index(find_links, offline))


@plugins.command()
def history() -> None:
    """List every change of what is installed, the newest first."""

    async def work(services: Services) -> None:
        for row in await Installer(services.configuration, services.database).records.history():
            click.echo(f"{row.number:4} {row.made_at:%Y-%m-%d %H:%M} {row.change} by {row.made_by}")

    with_services(work)


@plugins.command()
@click.argument("name")
@click.argument("organization")
def enable(name: str, organization: str) -> None:
    """Switch the plugin NAME on again for ORGANIZATION (its slug)."""

    async def work(services: Services) -> None:
        await services.switches.enable(await _operator(services, organization), name)

    with_services(work)


@plugins.command()
@click.argument("name")
@click.argument("organization")
def disable(name: str, organization: str) -> None:
    """Switch the plugin NAME off for ORGANIZATION (its slug): servers know it within seconds."""

    async def work(services: Services) -> None:
        await services.switches.disable(await _operator(services, organization), name)

    with_services(work)


plugins.add_command(new)
plugins.add_command(dev)


async def _operator(services: Services, organization: str) -> Caller:
    found = await services.accounts.organization_named(organization)
    return Caller(found.id, None, None, frozenset({"*"}))


def _change(
    propose: Callable[[Installer], Awaitable[Proposal | None]],
    is_agreed: bool,
    index: Index,
    *,
    purged: str | None = None,
) -> None:
    """Proposes a change, shows it, asks, and applies it."""

    async def work() -> None:
        settings = configuration()
        database = Database(settings.database_url)
        installer = Installer(settings, database, _step, index)
        try:
            proposal = await propose(installer)
            if proposal is not None:
                _show(proposal)
            if purged is not None:
                click.secho(f"Everything that {purged} has stored is deleted.", fg="red")
            if proposal is None and purged is None:
                click.echo("This machine has what is installed.")
                return
            if not is_agreed:
                click.confirm("Go on?", abort=True)
            if proposal is not None:
                await installer.apply(proposal, MADE_BY)
            if purged is not None:
                for table in await installer.purge(purged):
                    click.echo(f"deleted {table}")
            _step(f"Done: {proposal.change if proposal else f'purge {purged}'}")
        finally:
            installer.close()
            await database.close()

    run_loop(work())


def _name(plugin: Plugin | Description) -> None:
    click.echo(f"{plugin.title} ({plugin.name} {plugin.version})")
    if plugin.description:
        click.echo(f"  {plugin.description}")


def _step(text: str) -> None:
    click.echo(f"{click.style('==>', bold=True)} {text}")


def _show(proposal: Proposal) -> None:
    click.secho(proposal.change, bold=True)
    for plugin in proposal.descriptions:
        _name(plugin)
        before = next((one for one in proposal.replaced if one.name == plugin.name), None)
        for part, text, what in plugin.lines_beside(before):
            click.echo(f"  {part:10} {text}{f' ({what})' if what else ''}")
    for package in proposal.packages:
        click.echo(f"  {'package':10} {package.name} {package.version}")
    for plugin_gone in proposal.removed:
        click.echo(f"  {'removed':10} {plugin_gone.name} {plugin_gone.version}")
    for warning in proposal.warnings:
        click.secho(f"  {'warning':10} {warning}", fg="yellow")
