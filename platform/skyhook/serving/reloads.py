"""Reloading: a fresh process takes over the listening sockets, and the one before it drains.

The process that was started serves by itself until the first reload. From then on it only keeps the sockets
and its children, so that its process id stays for whoever started it.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from typing import Any

from skyhook.configuration import Configuration
from skyhook.serving.running import ReloadFailed, StatusFile

START_S = 120.0
"""How long a fresh process may take until it listens."""
_log = logging.getLogger(__name__)


def bind(host: str, port: int) -> list[socket.socket]:
    """Sockets for the address, which do not listen yet. Raises OSError."""
    sockets = []
    for family, kind, protocol, _, address in socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    ):
        one = socket.socket(family, kind, protocol)
        sockets.append(one)
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        one.bind(address)
    return sockets


class Successor:
    """A child that serves on the same sockets, or is about to."""

    def __init__(self, sockets: Sequence[socket.socket]) -> None:
        mine, other = socket.socketpair()
        lifeline, self._lifeline = os.pipe()
        listening = [one.fileno() for one in sockets]
        places = {"sockets": listening, "channel": other.fileno(), "lifeline": lifeline}
        self.process = subprocess.Popen(  # noqa: S603 (this program itself)
            [sys.executable, "-P", "-m", "skyhook.serving.successor", json.dumps(places)],
            stdin=subprocess.DEVNULL,
            pass_fds=[*listening, other.fileno(), lifeline],
            process_group=0,
        )
        other.close()
        os.close(lifeline)
        mine.settimeout(START_S)
        self._channel = mine
        self._lines = mine.makefile("r")
        self.broken: dict[str, str] = {}

    def wait_until_ready(self) -> None:
        """Returns when it could serve. Raises ReloadFailed."""
        self.broken = self._told("ready")

    def serve(self) -> None:
        """Lets it serve; returns when it listens. Raises ReloadFailed."""
        self._send("serve")
        self._told("listening")

    def drain(self) -> None:
        """Has it end once its connections have."""
        self._send("drain")

    def stop(self) -> None:
        """Has it end as by an operator."""
        self.process.terminate()

    def wait(self) -> int:
        """Its exit status, once it has ended."""
        status = self.process.wait()
        self._lines.close()
        self._channel.close()
        os.close(self._lifeline)
        return status

    def _send(self, word: str) -> None:
        self._channel.sendall(f"{word}\n".encode())

    def _told(self, what: str) -> Any:
        try:
            line = self._lines.readline()
        except TimeoutError:
            raise ReloadFailed(f"the fresh process was not {what} within {START_S:.0f} s") from None
        except OSError as error:
            raise ReloadFailed(f"the fresh process ended: {error}") from error
        if not line:
            raise ReloadFailed("the fresh process ended while it started: see the server's log")
        told = json.loads(line)
        if "failed" in told:
            raise ReloadFailed(told["failed"])
        return told[what]


class Reloads:
    """Keeps a server's sockets, and reloads it on SIGHUP; one for the process that was started."""

    def __init__(self, configuration: Configuration) -> None:
        """Raises OSError where the address is taken."""
        self.sockets = bind(configuration.host, configuration.port)
        self._status = StatusFile(configuration.data)
        self._lock = threading.Lock()
        self._wanted: queue.SimpleQueue[None] = queue.SimpleQueue()
        self._drain_first: Callable[[], object] = lambda: None
        self._known_broken: set[str] = set()
        self._serving: Successor | None = None
        self._children: list[Successor] = []
        self._done = threading.Event()
        self._serves_here = True
        self._is_stopping = False
        self._exit_status = 0
        threading.Thread(target=self._work, daemon=True, name="reloads").start()

    def begin(self, drain: Callable[[], object], broken: Sequence[str]) -> None:
        """Reloads from here on: this process serves, is drained by `drain`, and has these broken plugins."""
        self._drain_first, self._known_broken = drain, set(broken)
        signal.signal(signal.SIGHUP, lambda *_: self._wanted.put(None))

    def keep(self) -> int:
        """Once this process serves no more: waits until its children have ended, and stops them by a signal.

        The exit status.
        """
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._done.set())
        self._serves_here = False
        self._status.change(draining=self._count_draining())
        if self._serving is not None:
            self._done.wait()
        self.stop()
        return self._exit_status

    def stop(self) -> None:
        """Ends the children as an operator does, and waits for them."""
        with self._lock:
            self._is_stopping = True
            children = list(self._children)
        for child in children:
            child.stop()
        for child in children:
            child.process.wait()
        self._status.close()

    def _work(self) -> None:
        while True:
            self._wanted.get()
            failure = None
            try:
                self._reload()
            except ReloadFailed as error:
                failure = str(error)
                _log.error("not reloaded, the process of before serves on: %s", failure)
            except Exception as error:
                failure = f"{type(error).__name__}: {error}"
                _log.exception("not reloaded, the process of before serves on")
            serving = self._serving.process.pid if self._serving else os.getpid()
            self._status.change(
                serving_pid=serving,
                reloads=self._status.status.reloads + 1,
                failure=failure,
                draining=self._count_draining(),
            )

    def _reload(self) -> None:
        with self._lock:
            if self._is_stopping:
                raise ReloadFailed("the server is stopping")
            child = Successor(self.sockets)
            self._children.append(child)
        threading.Thread(target=self._watch, args=[child], daemon=True).start()
        try:
            child.wait_until_ready()
            if fresh := sorted(child.broken.keys() - self._known_broken):
                raise ReloadFailed(f"plugin {fresh[0]}: {child.broken[fresh[0]]}")
            child.serve()
        except ReloadFailed:
            child.stop()
            raise
        before, self._serving = self._serving, child
        self._known_broken = set(child.broken)
        if before is None:
            self._drain_first()
        else:
            before.drain()

    def _watch(self, child: Successor) -> None:
        status = child.wait()
        with self._lock:
            self._children.remove(child)
            if child is self._serving and not self._is_stopping:
                self._exit_status = status or 1
                self._done.set()
        self._status.change(draining=self._count_draining())

    def _count_draining(self) -> int:
        """The processes that answer only what they had accepted, this one included."""
        if self._serving is None:
            return 0
        return int(self._serves_here) + sum(child is not self._serving for child in self._children)
