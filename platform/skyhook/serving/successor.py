"""A process that takes over a server's sockets: `python -m skyhook.serving.successor`, started by `reloads`.

It says over its channel when it could serve and when it listens, and is told there to serve and to drain.
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import socket
import sys
from typing import Any

import click

from skyhook.cli.run import build_services, configuration, run_loop
from skyhook.compute.isolation import die_with_server
from skyhook.migrations.environment import behind
from skyhook.plugins.installation.folders import Folders, import_installed
from skyhook.plugins.installation.records import Records
from skyhook.services import Services
from skyhook.serving.server import Server

_log = logging.getLogger(__name__)


async def require_migrated(services: Services) -> None:
    """Raises ClickException where the database lacks a migration of the core or of a plugin.

    Plugins that are installed elsewhere and lack on this machine are told in the log.
    """
    if names := await behind(services.database, services.plugins.loaded):
        raise click.ClickException(f"The database lacks migrations of {', '.join(names)}: skyhook migrate")
    recorded = (await Records(services.database).current()).generation
    if recorded.packages != Folders(services.configuration.data).current_generation.packages:
        _log.error("this machine has other plugins than the database says: skyhook plugins sync")


async def _serve(sockets: list[socket.socket], channel: socket.socket) -> None:
    services = build_services()
    await require_migrated(services)
    await services.start(beside_another=True)
    server = Server(services, sockets)
    reader, writer = await asyncio.open_connection(sock=channel)

    async def tell(**told: Any) -> None:
        writer.write(json.dumps(told).encode() + b"\n")
        await writer.drain()

    await tell(ready={plugin.name: plugin.reason for plugin in services.plugins.broken})
    if await reader.readline() != b"serve\n":
        return  # the plugins that it found are not those that were wanted
    serving = asyncio.create_task(server.run_to_end())
    await server.listening.wait()
    await tell(listening=True)
    draining = asyncio.create_task(reader.readline())
    await asyncio.wait((serving, draining), return_when=asyncio.FIRST_COMPLETED)
    server.drain()
    draining.cancel()
    await serving


def main() -> None:
    """Serves with what the first argument names: the descriptors of sockets, channel and lifeline."""
    gc.disable()  # until it listens: what is imported and built before that stays
    places = json.loads(sys.argv[1])
    die_with_server(places["lifeline"])
    channel = socket.socket(fileno=places["channel"])
    sockets = [socket.socket(fileno=one) for one in places["sockets"]]
    try:
        import_installed(configuration().data)
        run_loop(_serve(sockets, channel))
    except click.ClickException as error:
        channel.setblocking(True)
        channel.sendall(json.dumps({"failed": error.message}).encode() + b"\n")
        raise SystemExit(1) from error


if __name__ == "__main__":
    main()
