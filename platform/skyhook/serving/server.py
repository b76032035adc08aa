"""The HTTP server of a process: it tells when it listens, and can be drained for the process after it."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
import time
from collections.abc import Generator, Sequence

import uvicorn

from skyhook.app import create_app
from skyhook.services import Services

LOG_FORMAT = "%(levelname)s - %(asctime)s - %(name)s - %(module)s - %(message)s"
GARBAGE_OBJECTS = 10_000
"""A collection looks through the youngest objects when there are so many more of them than before."""
STOP_S = 10
"""How long running requests have once the server is told to stop."""
DRAIN_S = 120.0
"""How long connections have once another process serves; idle ones are closed earlier, by their own limit."""
DRAIN_POLL_S = 0.05


class Server(uvicorn.Server):
    """Serves on sockets that other processes may have, too."""

    def __init__(self, services: Services, sockets: Sequence[socket.socket]) -> None:
        logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
        super().__init__(
            uvicorn.Config(
                create_app(services),
                log_level="warning",
                access_log=False,
                timeout_graceful_shutdown=STOP_S,
            )
        )
        self._sockets = [one.dup() for one in sockets]
        self._draining = services.draining
        self.listening = asyncio.Event()
        self.is_stopped = False
        """Whether a signal has ended it; else it was drained."""

    async def run_to_end(self) -> None:
        """Serves until a signal comes, or until it is drained."""
        await self.serve(self._sockets)

    def drain(self) -> None:
        """Takes no new connection, tells clients to close theirs, and ends once they have."""
        self._draining.set()
        self.should_exit = True

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # What is there now stays as long as the process: no collection has to look through it again.
        gc.enable()
        gc.collect()
        gc.freeze()
        gc.set_threshold(GARBAGE_OBJECTS, 20, 10)
        self.listening.set()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self._draining.is_set():
            for server in self.servers:
                server.close()
            # In place, since requests that run have this very list. To a connection that is closed while it
            # is idle a request may be on its way: so the client is told to, and closes it itself.
            self.server_state.default_headers.append((b"connection", b"close"))
            connections, deadline = self.server_state.connections, time.monotonic() + DRAIN_S
            # Looked at again and again, since uvicorn tells nobody when one is closed.
            while connections and not self.is_stopped and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(DRAIN_POLL_S)
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Ends by SIGTERM and SIGINT as uvicorn does, but does not raise them once more at the end."""
        before = {number: signal.signal(number, self._stop) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _stop(self, number: int, frame: object) -> None:
        self.is_stopped = True
        self._draining.set()
        self.handle_exit(number, None)
