"""The example's server, over real sockets."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from litestar import Litestar

from skyhook.graphql.documents import Documents
from skyhook.graphql.engine import Engine
from skyhook.graphql.limits import Limits
from skyhook.graphql.routes import engine_routes

from .example import KEY, SCHEMA, Budget, Services, authenticate


@dataclass
class Server:
    """A running server and what it works with."""

    url: str
    services: Services
    budget: Budget
    documents: Documents

    @property
    def socket_url(self) -> str:
        return self.url.replace("http", "ws", 1)


def wait_until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Waits for `condition`; fails the test where it does not come true in time."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the condition did not come true in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def _running() -> Iterator[Server]:
    services, budget = Services(), Budget()
    limits = Limits(body_bytes=200_000, tokens=500, points=500, socket_operations=3)
    engine = Engine(SCHEMA, budget, limits)
    app = Litestar(engine_routes(engine, authenticate, services), openapi_config=None)
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    wait_until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield Server(f"http://127.0.0.1:{port}/graphql", services, budget, engine.documents)
    server.should_exit = True
    thread.join(timeout=5)


@pytest.fixture
def server(_running: Server) -> Server:
    """The server, with its counters set back."""
    _running.services.__init__()  # type: ignore[misc]
    _running.budget.__init__()  # type: ignore[misc]
    return _running


@pytest.fixture
def client(server: Server) -> Iterator[httpx.Client]:
    """An HTTP client that has a key."""
    with httpx.Client(base_url=server.url, headers=KEY, timeout=10) as one:
        yield one
