"""`skyhook up`, `skyhook serve` and `skyhook migrate`."""

from __future__ import annotations

import asyncio
import gc
import logging
import socket
from contextlib import suppress

import click
import uvicorn

from skyhook.accounts.first_run import ADMINISTRATOR, FirstRun, ensure_first_run
from skyhook.app import create_app
from skyhook.cli.first_call import first_call
from skyhook.cli.run import build_services, configuration, run_loop, with_services
from skyhook.configuration import Configuration
from skyhook.migrations.environment import behind, upgrade
from skyhook.services import Services

LOG_FORMAT = "%(levelname)s - %(asctime)s - %(name)s - %(module)s - %(message)s"
GARBAGE_OBJECTS = 10_000
"""A collection looks through the youngest objects when there are so many more of them than before."""


def _step(text: str) -> None:
    click.echo(f"{click.style('==>', bold=True)} {text}")


@click.command()
def up() -> None:
    """Set up what is missing, start the server, make a first real call and keep serving."""
    _require_free_port(configuration())
    with suppress(KeyboardInterrupt):  # the server may have ended by itself before it is raised
        run_loop(_up(build_services()))
    _step("Stopped; `make up` goes on with the same data")


async def _up(services: Services) -> None:
    _step(f"Preparing the database {services.database.url.render_as_string()}")
    await upgrade(services.database, services.plugins.loaded)
    if services.configuration.compute == "modal":
        await _deploy_at_first(services.configuration)
    await services.start()
    first = await _first_run(services)
    server = _server(services)
    serving = asyncio.create_task(server.serve())
    listening = asyncio.create_task(server.listening.wait())
    await asyncio.wait((serving, listening), return_when=asyncio.FIRST_COMPLETED)
    if listening.done():
        await asyncio.to_thread(first_call, services.configuration, first.key_file, _step)
    await serving


async def _deploy_at_first(configuration: Configuration) -> None:
    """Deploys to Modal where nothing is; what is there but differs is another command's to replace."""
    from skyhook.compute.modal.deployment import (  # Modal's client may be missing elsewhere
        deploy,
        is_deployed,
    )

    if not await is_deployed():
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
def serve() -> None:
    """Serve the API. The database must be up to date: see `skyhook migrate`."""
    with suppress(KeyboardInterrupt):
        run_loop(_serve(build_services()))
    _step("Stopped")


async def _serve(services: Services) -> None:
    if names := await behind(services.database, services.plugins.loaded):
        raise click.ClickException(f"The database lacks migrations of {', '.join(names)}: skyhook migrate")
    await services.start()
    await _server(services).serve()


@click.command()
def migrate() -> None:
    """Bring the database up to date for the core and every plugin."""
    with_services(lambda services: upgrade(services.database, services.plugins.loaded))
    click.echo("The database is up to date.")


class _Server(uvicorn.Server):
    """A server that tells when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays as long as the process: no collection has to look through it again.
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS, 20, 10)
        self.listening.set()


def _server(services: Services) -> _Server:
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    return _Server(
        uvicorn.Config(
            create_app(services),
            host=services.configuration.host,
            port=services.configuration.port,
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=10,
        )
    )


def _require_free_port(configuration: Configuration) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((configuration.host, configuration.port))
        except OSError as error:
            raise click.ClickException(
                f"Port {configuration.port} is taken: stop what uses it, or set SKYHOOK_PORT. ({error})"
            ) from error
