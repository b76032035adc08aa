"""The stand-in of Modal on loopback, in a thread of its own: gRPC for clients, HTTP for blobs."""

from __future__ import annotations

import asyncio
import hashlib
import os
import sys
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, TypeVar

from aiohttp import web
from grpclib.server import Server
from modal_calling import Calling
from modal_containers import Containers
from modal_router import Router
from modal_sandboxes import Machines
from modal_state import State
from tests.serving import PROBE

T = TypeVar("T")
TOKEN = ("ak-standin", "as-standin")


class ModalServer:
    """Serves what the real client and the real container entry point ask of Modal."""

    def __init__(self) -> None:
        self.state: State
        self.containers: Containers
        self.machines: Machines
        self.address = ""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="modal", daemon=True)

    def __enter__(self) -> ModalServer:
        self._thread.start()
        self.run(self._start())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.run(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Does something where the stand-in lives, and waits for it."""
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def do(self, work: Callable[[], T]) -> T:
        """As `run`, for a plain function."""

        async def later() -> T:
            return work()

        return self.run(later())

    def variables(self, *, token: tuple[str, str] = TOKEN) -> dict[str, str]:
        """What a client needs in its environment."""
        return {
            "MODAL_SERVER_URL": self.address,
            "MODAL_TOKEN_ID": token[0],
            "MODAL_TOKEN_SECRET": token[1],
            "MODAL_CONFIG_PATH": os.devnull,
        }

    async def lose(self) -> None:
        """Cuts every connection of clients and takes no new one; what runs in containers goes on."""
        self._server.cut()
        await self._server.wait_closed()

    async def find(self) -> None:
        """Listens again, where it did."""
        self._server = _Server([Calling(self.state, self.containers, self.machines)])
        await self._server.start("127.0.0.1", int(self.address.rpartition(":")[2]))

    async def _start(self) -> None:
        self.state = State(TOKEN)
        self.containers = Containers(self.state, _container_variables)
        self.machines = Machines(self.state, _container_variables)
        self._router = _Server([Router(self.machines)])
        await self._router.start("127.0.0.1", 0)
        self.machines.address = _address(self._router)
        blobs = web.Application(client_max_size=1 << 30)
        blobs.router.add_put("/{id}", self._put_blob)
        blobs.router.add_get("/{id}", self._get_blob)
        self._blobs = web.AppRunner(blobs, access_log=None)
        await self._blobs.setup()
        site = web.TCPSite(self._blobs, "127.0.0.1", 0)
        await site.start()
        host, port = self._blobs.addresses[0][:2]
        self.state.blob_address = f"http://{host}:{port}"
        self._server = _Server([Calling(self.state, self.containers, self.machines)])
        await self._server.start("127.0.0.1", 0)
        self.address = _address(self._server)

    async def _stop(self) -> None:
        await self.containers.close()
        await self.machines.close()
        self._server.close()
        self._router.cut()
        for server in (self._server, self._router):
            await server.wait_closed()
        await self._blobs.cleanup()
        await asyncio.sleep(0.05)  # connections are closed by the loop's next turns

    async def _put_blob(self, request: web.Request) -> web.Response:
        content = await request.read()
        self.state.blobs[request.match_info["id"]] = content
        return web.Response(headers={"ETag": f'"{hashlib.md5(content).hexdigest()}"'})

    async def _get_blob(self, request: web.Request) -> web.Response:
        return web.Response(body=self.state.blobs[request.match_info["id"]])


class _Server(Server):
    """One whose connections can be cut."""

    def __init__(self, handlers: list[Any]) -> None:
        super().__init__(handlers)
        self._protocols: list[Any] = []

    def cut(self) -> None:
        """Closes without a word to anybody."""
        self.close()
        for protocol in self._protocols:
            if (transport := getattr(protocol.connection, "_transport", None)) is not None:  # it is open
                transport.abort()

    def _protocol_factory(self) -> Any:
        self._protocols.append(super()._protocol_factory())
        return self._protocols[-1]


def _address(server: Server) -> str:
    assert server._server is not None
    return f"http://127.0.0.1:{server._server.sockets[0].getsockname()[1]}"


def _container_variables() -> dict[str, str]:
    """A container's environment: the machine's, without what belongs to Skyhook, Modal or its tests.

    It has no image of its own: it imports from where this process does, and the plugin of tests as well.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("SKYHOOK_", "MODAL_", "STRIPE_"))
    }
    return kept | {"PYTHONPATH": os.pathsep.join([*filter(None, sys.path), str(PROBE)])}
