"""The worker process: loads one function and serves its calls, `python -m skyhook.compute.worker`.

The main thread reads requests; each call runs in one of `concurrency` threads, which also writes its
replies. Only msgspec and the function's own requirements are needed here.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import queue
import signal
import socket
import sys
import threading
import traceback
from typing import Any

from skyhook.compute import protocol
from skyhook.compute.bodies import answer, encodable, load
from skyhook.compute.isolation import die_with_server, limit_memory
from skyhook.compute.protocol import Failed, RawCall
from skyhook.compute.running import Running, Stopped


class ReplyWriter:
    """Writes replies; those that arrive while a write is under way share the next write."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._writing = False

    def write(self, frame: bytes) -> None:
        """Sends a frame, or leaves it to the thread that is sending now."""
        with self._lock:
            self._waiting.append(frame)
            if self._writing:
                return
            self._writing = True
        while True:
            with self._lock:
                batch, self._waiting = self._waiting, []
                if not batch:
                    self._writing = False
                    return
            self._connection.sendall(batch[0] if len(batch) == 1 else b"".join(batch))


class Worker:
    """Serves one loaded function over one connection."""

    def __init__(self, instance: Any, connection: socket.socket, concurrency: int) -> None:
        self._instance = instance
        self._connection = connection
        self._writer = ReplyWriter(connection)
        self._running: dict[int, Running] = {}
        self._waiting: queue.SimpleQueue[tuple[Running, RawCall]] = queue.SimpleQueue()
        for number in range(concurrency):
            threading.Thread(target=self._serve_calls, name=f"call-{number}", daemon=True).start()

    def serve(self) -> None:
        """Reads requests until the server closes the connection."""
        self._writer.write(protocol.frame(protocol.Ready()))
        buffer = protocol.FrameBuffer()
        decode = protocol.request_decoder.decode
        while size := self._connection.recv_into(buffer.space()):
            for frame in buffer.received(size):
                request = decode(frame)
                if isinstance(request, RawCall):
                    running = self._running[request.id] = Running(request.id)
                    self._waiting.put((running, request))
                elif (running_or_none := self._running.get(request.id)) is not None:
                    if isinstance(request, protocol.Cancel):
                        running_or_none.cancel(force=request.force)
                    else:
                        running_or_none.add_credit(request.size)

    def _serve_calls(self) -> None:
        while True:
            running, call = self._waiting.get()
            try:
                last = answer(self._instance, running, call, self._writer.write)
            except Stopped:
                last = protocol.frame(Failed(call.id, "stopped", ""))
            del self._running[call.id]
            self._writer.write(last)


def main() -> None:
    """Takes the connection over from the server, loads the function and serves it until the server goes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("function")
    for option in ("--socket", "--lifeline", "--memory-bytes", "--concurrency"):
        parser.add_argument(option, type=int, required=True)
    arguments = parser.parse_args()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_server(arguments.lifeline)
    limit_memory(arguments.memory_bytes)
    connection = socket.socket(fileno=arguments.socket)
    connection.set_inheritable(False)
    try:
        instance = load(arguments.function)
    except BaseException:  # whatever stops the load is for the operator to read
        connection.sendall(protocol.frame(protocol.LoadFailed(encodable(traceback.format_exc()))))
        sys.exit(1)
    with contextlib.suppress(OSError):
        Worker(instance, connection, arguments.concurrency).serve()
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    main()
