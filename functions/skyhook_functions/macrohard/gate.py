"""The one way out of a task's browser: a SOCKS5 proxy that connects to allowed sites only.

Chromium is told to send everything through it: pages, redirects, popups, workers and WebSockets. It passes
names on unresolved, so the address that is checked here is the one that is connected to.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress

from skyhook_functions.macrohard.addresses import is_allowed
from skyhook_functions.macrohard.sites import Sites

CONNECT_S = 10.0
PIECE_BYTES = 64 * 1024
_VERSION, _NO_LOGIN, _CONNECT = 5, 0, 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_GRANTED, _REFUSED, _UNREACHABLE = 0, 2, 4
_MOST_REFUSED = 1000


class Gate:
    """Listens on a port of its own for one browser."""

    def __init__(self, sites: Sites, *, allow_private: bool) -> None:
        self.private: set[tuple[str, int]] = set()
        """Hosts and ports on the list that were refused for their private addresses."""
        self._sites = sites
        self._allow_private = allow_private
        self._server: asyncio.Server | None = None
        self._tunnels: set[asyncio.Task[None]] = set()

    @property
    def address(self) -> str:
        """What the browser takes as its proxy."""
        assert self._server is not None
        return f"socks5://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def open(self) -> None:
        """Begins to listen."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)

    async def close(self) -> None:
        """Ends every connection."""
        if self._server is not None:
            self._server.close()
        for tunnel in self._tunnels:
            tunnel.cancel()
        await asyncio.gather(*self._tunnels, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tunnels.add(task)
        task.add_done_callback(self._tunnels.discard)
        try:
            # Cancelled is what `close` does to it; the streams' own callback would log that as a fault.
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                place = await _asked(reader, writer)
                if place is not None:
                    await self._connect(*place, reader, writer)
        finally:
            writer.close()

    async def _connect(
        self, host: str, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if not self._sites.has(host, port):
            return _reply(writer, _REFUSED)
        addresses = await _addresses(host, port)
        allowed = [one for one in addresses if is_allowed(one, allow_private=self._allow_private)]
        if len(allowed) < len(addresses) and len(self.private) < _MOST_REFUSED:
            self.private.add((host, port))
            return _reply(writer, _REFUSED)
        for address in allowed:
            with suppress(OSError, TimeoutError):
                async with asyncio.timeout(CONNECT_S):
                    there = await asyncio.open_connection(address, port)
                _reply(writer, _GRANTED)
                return await _tunnel((reader, writer), there)
        return _reply(writer, _UNREACHABLE)


async def _asked(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> tuple[str, int] | None:
    """The host and port that a client asks for; None where it does not speak the protocol (RFC 1928)."""
    version, methods = await reader.readexactly(2)
    if version != _VERSION or _NO_LOGIN not in await reader.readexactly(methods):
        return None
    writer.write(bytes((_VERSION, _NO_LOGIN)))
    _, command, _, kind = await reader.readexactly(4)
    if command != _CONNECT:
        return None
    if kind == _NAME:
        (length,) = await reader.readexactly(1)
        host = (await reader.readexactly(length)).decode(errors="replace")
    elif kind == _IPV4:
        host = socket.inet_ntop(socket.AF_INET, await reader.readexactly(4))
    elif kind == _IPV6:
        host = socket.inet_ntop(socket.AF_INET6, await reader.readexactly(16))
    else:
        return None
    return host, int.from_bytes(await reader.readexactly(2))


async def _addresses(host: str, port: int) -> list[str]:
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return []
    return list(dict.fromkeys(str(where[0]) for *_, where in found))


def _reply(writer: asyncio.StreamWriter, answer: int) -> None:
    writer.write(bytes((_VERSION, answer, 0, _IPV4, *bytes(6))))


async def _tunnel(
    here: tuple[asyncio.StreamReader, asyncio.StreamWriter],
    there: tuple[asyncio.StreamReader, asyncio.StreamWriter],
) -> None:
    """Passes bytes both ways until both sides have ended, or one has broken off."""
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(_pass(here[0], there[1]))
            both.create_task(_pass(there[0], here[1]))
    except* OSError:
        pass
    finally:
        there[1].close()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while piece := await reader.read(PIECE_BYTES):
        writer.write(piece)
        await writer.drain()
    if writer.can_write_eof():
        writer.write_eof()
