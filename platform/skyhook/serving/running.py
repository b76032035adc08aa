"""The servers that run over a data folder: each says in a file how it is, and reloads when it is told to."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

FOLDER = "servers"
POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Status:
    """How a server is."""

    pid: int
    """Of the process that was started, which signals go to."""
    serving_pid: int
    """Of the process that takes connections."""
    reloads: int = 0
    """How many reloads it has finished, the failed ones included."""
    failure: str | None = None
    """Why the last reload failed; the process of before serves on."""
    draining: int = 0
    """How many processes still answer what they had accepted."""


class ReloadFailed(Exception):
    """A server did not reload and serves as before; the text is the reason."""

    def __init__(self, reason: str, reloaded: int = 0) -> None:
        super().__init__(reason)
        self.reloaded = reloaded
        """How many other servers did reload before."""


class StatusFile:
    """This server's own file; it counts for as long as the process lives, however it ends."""

    def __init__(self, data: Path) -> None:
        folder = data / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / f"{os.getpid()}.json"
        self._lock: IO[str] = self._path.with_suffix(".lock").open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        self._changing = threading.Lock()
        self.status = Status(os.getpid(), os.getpid())
        self._write()

    def change(self, **values: int | str | None) -> None:
        """Says what has changed."""
        with self._changing:
            self.status = replace(self.status, **values)  # type: ignore[arg-type]
            if not self._lock.closed:
                self._write()

    def close(self) -> None:
        """Removes the file."""
        with self._changing:
            self._path.unlink(missing_ok=True)
            self._path.with_suffix(".lock").unlink(missing_ok=True)
            self._lock.close()

    def _write(self) -> None:
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(asdict(self.status)))
        fresh.replace(self._path)


def running(data: Path) -> Sequence[Status]:
    """The servers that run over this data folder on this machine; files of dead ones are removed."""
    found = []
    for path in sorted((data / FOLDER).glob("*.json")):
        try:
            with path.with_suffix(".lock").open("r") as lock:
                try:
                    fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
                except BlockingIOError:
                    found.append(Status(**json.loads(path.read_text())))
                    continue
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)
        except FileNotFoundError:
            continue  # it has just ended
    return found


def reload_all(data: Path, limit_s: float) -> int:
    """Has every server of the data folder reload, one after the other; how many those were.

    Raises ReloadFailed for the first one that did not within the limit, in seconds. What reloaded before it
    stays reloaded: call it again once things are as they were.
    """
    servers = running(data)
    for reloaded, server in enumerate(servers):
        os.kill(server.pid, signal.SIGHUP)
        deadline = time.monotonic() + limit_s
        while True:
            now = next((one for one in running(data) if one.pid == server.pid), None)
            if now is None:
                raise ReloadFailed(f"the server of process {server.pid} ended while it reloaded", reloaded)
            if now.reloads > server.reloads:
                break
            if time.monotonic() > deadline:
                raise ReloadFailed(f"the server of process {server.pid} took over {limit_s:.0f} s", reloaded)
            time.sleep(POLL_S)
        if now.failure is not None:
            raise ReloadFailed(now.failure, reloaded)
    return len(servers)


def wait_until_drained(data: Path, limit_s: float) -> bool:
    """Waits until no process of before serves any more; whether that was so within the limit, in seconds."""
    deadline = time.monotonic() + limit_s
    while any(one.draining for one in running(data)):
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_S)
    return True
