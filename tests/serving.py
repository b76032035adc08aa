"""A real server in a process of its own, for the tests that speak to it over sockets."""

from __future__ import annotations

import os
import signal
import socket
import time
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from tests.nursery import Command, nursery

ROOT = Path(__file__).parents[1]
PROBE = ROOT / "tests" / "probe"
START_S = 60


# Below those of outgoing connections, so that none takes the port of a server that starts again.
# Each process of the tests begins elsewhere.
PORTS = range(10_240, 32_256)
_numbers = count(os.getpid() * 997)


def free_port() -> int:
    """A port that nobody listens on, and that this process has not given out lately."""
    while True:
        port = PORTS[next(_numbers) % len(PORTS)]
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port


@dataclass
class Server:
    """`skyhook serve` with the probe plugin, over a data folder and a database that outlive it."""

    data: Path
    database_url: str | None = None
    port: int = field(default_factory=free_port)
    environment: dict[str, str] = field(default_factory=dict)
    process: Command | None = None

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def key(self) -> str:
        """The first key."""
        return (self.data / "first-key").read_text().strip()

    def variables(self) -> dict[str, str]:
        """The environment of the server and of commands about it."""
        variables = os.environ | {
            "PYTHONPATH": os.pathsep.join([str(PROBE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]),
            "SKYHOOK_DATA": str(self.data),
            "SKYHOOK_PORT": str(self.port),
        }
        if self.database_url is not None:
            variables["SKYHOOK_DATABASE_URL"] = self.database_url
        return variables | self.environment

    def command(self, *arguments: str) -> str:
        """Runs a `skyhook` command; returns what it printed."""
        status, printed, complaints = nursery().run(arguments, self.variables())
        if status:
            raise RuntimeError(f"skyhook {' '.join(arguments)} failed:\n{printed}{complaints}")
        return printed

    def prepare(self) -> None:
        """Makes the database, the first organization and the first key."""
        self.command("migrate")
        self.command("init")

    def start(self, command: str = "serve") -> None:
        """Starts the server, by `serve` or by `up`, and waits until it is ready."""
        self.data.mkdir(parents=True, exist_ok=True)
        log = self.data / "server.log"
        self.process = nursery().start([command], self.variables(), log, log)
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                if httpx.get(f"{self.address}/health/ready").status_code == 200:
                    return
            except httpx.TransportError:
                time.sleep(0.02)
        raise RuntimeError(f"the server did not start:\n{self.log()}")

    def log(self) -> str:
        """What the server has printed."""
        return (self.data / "server.log").read_text()

    def kill(self) -> None:
        """Ends the server as a power cut does."""
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self) -> None:
        """Ends the server as an operator does."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait(timeout=30)

    def client(self, key: str | None = None) -> httpx.Client:
        """An HTTP client with a key; the first one if none is named."""
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return httpx.Client(base_url=self.address, headers=headers, timeout=60)

    def graphql(self, query: str, *, key: str | None = None, **variables: Any) -> dict[str, Any]:
        """The whole response to a GraphQL request."""
        with self.client(key) as client:
            response = client.post("/graphql", json={"query": query, "variables": variables})
            return response.json()  # type: ignore[no-any-return]
