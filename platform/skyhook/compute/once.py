"""One call on a machine of its own: `python -m skyhook.compute.once module:Class --seconds LIMIT`.

Standard input has the one frame of a `Call`; the frames of its replies go to standard output, and the process
ends. What the body prints goes to standard error. Needed are msgspec and the function's own requirements.
"""

from __future__ import annotations

import argparse
import os
import sys
import threading
import time
import traceback

from skyhook.compute import protocol
from skyhook.compute.bodies import answer, encodable, load
from skyhook.compute.protocol import Failed, Ran
from skyhook.compute.running import Running, Stopped
from skyhook.machine import own_machine


class Replies:
    """The standard output as it was; nothing else can write to it any more."""

    def __init__(self) -> None:
        descriptor = os.dup(sys.stdout.fileno())
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        self._file = os.fdopen(descriptor, "wb", buffering=0)

    def write(self, frame: bytes) -> None:
        """Writes a frame, as fast as it is taken."""
        rest = memoryview(frame)
        while rest:
            rest = rest[self._file.write(rest) :]


def main() -> None:
    """Loads the function, serves the call and ends."""
    parser = argparse.ArgumentParser()
    parser.add_argument("function")
    parser.add_argument("--seconds", type=float, required=True)
    arguments = parser.parse_args()
    own_machine()
    replies = Replies()
    asked = protocol.request_decoder.decode(sys.stdin.buffer.read()[protocol.PREFIX_BYTES :])
    if not isinstance(asked, protocol.RawCall):
        sys.exit("standard input has no call")
    began = time.monotonic()

    def so_far() -> Ran:
        used = os.times()
        cores = used.user + used.system + used.children_user + used.children_system
        return Ran(time.monotonic() - began, cores, "")

    try:
        instance = load(arguments.function)
    except BaseException:  # whatever stops the load is for the operator to read
        replies.write(protocol.frame(protocol.LoadFailed(encodable(traceback.format_exc()))))
        sys.exit(1)
    replies.write(protocol.frame(protocol.Ready()))
    running = Running(asked.id)

    def send(frame: bytes) -> None:
        replies.write(frame)
        running.add_credit(len(frame))

    overdue = threading.Timer(arguments.seconds, running.cancel, kwargs={"force": True})
    overdue.daemon = True
    overdue.start()
    try:
        last = answer(instance, running, asked, send, so_far)
    except Stopped:
        last = protocol.frame(Failed(asked.id, "stopped", "", ran=so_far()))
    replies.write(last)


if __name__ == "__main__":
    main()
