"""`skyhook up`, `skyhook serve`, `skyhook init` and `skyhook migrate`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import click

from skyhook.accounts.first_run import ADMINISTRATOR, FirstRun, ensure_first_run
from skyhook.cli.first_call import first_call
from skyhook.cli.run import build_services, run_loop, with_services
from skyhook.compute.modal.errors import ModalUnreachable
from skyhook.configuration import Configuration
from skyhook.migrations.environment import upgrade
from skyhook.services import Services
from skyhook.serving.reloads import Reloads
from skyhook.serving.server import Server
from skyhook.serving.successor import require_migrated


def _step(text: str) -> None:
    click.echo(f"{click.style('==>', bold=True)} {text}")


@click.command()
def up() -> None:
    """Set up what is missing, start the server, make a first real call and keep serving."""
    status = _keep_serving(_prepare_all)
    _step("Stopped; `make up` goes on with the same data")
    raise SystemExit(status)


@click.command()
def serve() -> None:
    """Serve the API. The database must be up to date: see `skyhook migrate`."""
    status = _keep_serving(_prepare_nothing)
    _step("Stopped")
    raise SystemExit(status)


Prepare = Callable[[Services], Awaitable[Callable[[], None]]]
"""Starts the services; what it gives is called once the server listens."""


async def _prepare_nothing(services: Services) -> Callable[[], None]:
    await require_migrated(services)
    await services.start()
    return lambda: None


async def _prepare_all(services: Services) -> Callable[[], None]:
    _step(f"Preparing the database {services.database.url.render_as_string()}")
    await upgrade(services.database, services.plugins.loaded)
    if services.configuration.compute == "modal":
        await _deploy_at_first(services.configuration)
    await services.start()
    first = await _first_run(services)
    return lambda: first_call(services.configuration, first.key_file, _step)


def _keep_serving(prepare: Prepare) -> int:
    """Serves here, and after a reload in other processes, until a signal comes; the exit status."""
    services = build_services()
    reloads = _bind(services.configuration)
    try:
        with suppress(KeyboardInterrupt):
            if run_loop(_serve(services, reloads, prepare)):
                return reloads.keep()
        return 0
    finally:
        reloads.stop()


async def _serve(services: Services, reloads: Reloads, prepare: Prepare) -> bool:
    """Whether it was drained for another process; else a signal has ended it."""
    when_listening = await prepare(services)
    server = Server(services, reloads.sockets)
    loop = asyncio.get_running_loop()
    reloads.begin(
        lambda: loop.call_soon_threadsafe(server.drain), [broken.name for broken in services.plugins.broken]
    )
    serving = asyncio.create_task(server.run_to_end())
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        await asyncio.to_thread(when_listening)
    await serving
    return not server.is_stopped


def _bind(configuration: Configuration) -> Reloads:
    try:
        return Reloads(configuration)
    except OSError as error:
        raise click.ClickException(
            f"Port {configuration.port} is taken: stop what uses it, or set SKYHOOK_PORT. ({error})"
        ) from error


async def _deploy_at_first(configuration: Configuration) -> None:
    """Deploys to Modal where nothing is; what is there but differs is another command's to replace.

    Where Modal does not answer the server starts without: it asks again.
    """
    from skyhook.compute.modal.deployment import (  # Modal's client may be missing elsewhere
        deploy,
        is_deployed,
    )

    try:
        if await is_deployed():
            return
    except ModalUnreachable:
        _step("Modal does not answer: functions can be called once it does, if they are deployed there")
    else:
        _step("Deploying the functions to Modal, which builds their images: that takes minutes at first")
        await deploy(configuration)


async def _first_run(services: Services) -> FirstRun:
    first = await ensure_first_run(
        services.configuration, services.database, services.accounts, services.keys, services.billing
    )
    if first.is_new:
        _step(f"Made the administrator {ADMINISTRATOR}; the password is in {first.password_file}")
        _step(
            f"Made {first.organization.name!r} with 5 dollars of credit; the first key is in {first.key_file}"
        )
    return first


@click.command()
def init() -> None:
    """Make the administrator, the first organization with its credit and the first key, if missing."""
    with_services(_first_run)


@click.command()
def migrate() -> None:
    """Bring the database up to date for the core and every plugin."""
    with_services(lambda services: upgrade(services.database, services.plugins.loaded))
    click.echo("The database is up to date.")
