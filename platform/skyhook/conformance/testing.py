"""For the tests of a plugin: a real server of its own, with the plugin installed as anybody does."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from skyhook.conformance.console import Console

START_S = 120
STOP_S = 60


class PluginServer:
    """`skyhook serve` over an SQLite database in `folder`, with the plugin that `source` has."""

    def __init__(self, source: Path, folder: Path, environment: dict[str, str] | None = None) -> None:
        """`environment` is added to that of the server, such as `{"SKYHOOK_GREETING_MOST": "7"}`."""
        self._source = source
        self._data = folder
        self._environment = environment or {}
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]

    @property
    def address(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def key(self) -> str:
        """A key with every scope, of an organization with 5 dollars of credit."""
        return (self._data / "first-key").read_text().strip()

    def __enter__(self) -> PluginServer:
        self.command("migrate")
        self.command("init")
        self.command("plugins", "install", str(self._source.absolute()), "--yes")
        with (self._data / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", "skyhook", "serve"],
                env=self._variables(),
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(f"{self.address}/health/ready"):  # noqa: S310 (our own address)
                    return self
            except OSError:
                time.sleep(0.05)
        self.__exit__(None, None, None)
        raise RuntimeError(f"the server did not start:\n{self.log()}")

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _at: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(STOP_S)

    def command(self, *words: str) -> str:
        """What a `skyhook` command prints. Raises RuntimeError, with all of it, where it fails."""
        done = subprocess.run(  # noqa: S603 (this program itself)
            [sys.executable, "-P", "-m", "skyhook", *words],
            env=self._variables(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"skyhook {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def graphql(self, document: str, **variables: Any) -> dict[str, Any]:
        """The whole answer to a GraphQL request with the key."""
        body = json.dumps({"query": document, "variables": variables}).encode()
        headers = {"Authorization": f"Bearer {self.key}", "Content-Type": "application/json"}
        request = urllib.request.Request(f"{self.address}/graphql", body, headers)  # noqa: S310
        try:
            with urllib.request.urlopen(request) as answer:  # noqa: S310
                return json.load(answer)  # type: ignore[no-any-return]
        except urllib.error.HTTPError as error:
            return json.load(error)  # type: ignore[no-any-return]

    def console(self) -> Console:
        """The console, with the first user logged in, who may do everything."""
        return Console(self.address, (self._data / "first-password").read_text().strip())

    def log(self) -> str:
        """What the server has printed."""
        path = self._data / "server.log"
        return path.read_text() if path.exists() else ""

    def _variables(self) -> dict[str, str]:
        own = {"SKYHOOK_DATA": str(self._data), "SKYHOOK_PORT": str(self._port)}
        return {**os.environ, "SKYHOOK_DATABASE_URL": "", **self._environment, **own}
