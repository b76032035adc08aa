"""What the server and a worker say to each other: length-prefixed msgpack frames over a socket pair.

The server sends `Request`s, the worker sends `Reply`s. Every `Call` that was sent is answered by exactly
one of `Result`, `End` and `Failed`, also where the server has cancelled it: that answer frees its place.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

PREFIX_BYTES = 4
MAX_FRAME_BYTES = 1 << 30
"""The largest argument or result, in bytes once encoded."""
STREAM_WINDOW_BYTES = 1 << 16
"""How many bytes of chunks a worker may send ahead of what the stream's reader has taken."""
READ_BYTES = 1 << 16

FailureKind = Literal["raised", "reported", "bad_argument", "out_of_memory", "stopped"]


class Call(msgspec.Struct, array_like=True, tag=0):
    """Run a method with an argument."""

    id: int
    method: str
    argument: Any


class Cancel(msgspec.Struct, array_like=True, tag=1):
    """Nobody waits for this call any more. With `force`, its thread is interrupted as well."""

    id: int
    force: bool


class Credit(msgspec.Struct, array_like=True, tag=2):
    """The stream's reader has taken this many bytes of chunks."""

    id: int
    size: int


class Ran(msgspec.Struct, array_like=True):
    """How much of a container a call has had until now; told where containers are rented."""

    seconds: float
    """Its share: calls that run at a time divide the time among them."""
    core_seconds: float
    """Of the processor time, likewise."""
    gpu: str
    """What the container has, such as `H100:2`; empty for none."""


class Ready(msgspec.Struct, array_like=True, tag=0):
    """The function is loaded."""


class LoadFailed(msgspec.Struct, array_like=True, tag=1):
    """The function cannot be imported or loaded; the worker ends."""

    traceback: str


class Result(msgspec.Struct, array_like=True, tag=2):
    """What a method returned."""

    id: int
    value: Any
    ran: Ran | None = None


class Chunk(msgspec.Struct, array_like=True, tag=3):
    """What a generator method yielded."""

    id: int
    value: Any
    ran: Ran | None = None


class End(msgspec.Struct, array_like=True, tag=4):
    """The generator has ended, or was closed because of a `Cancel`."""

    id: int
    ran: Ran | None = None


class Failed(msgspec.Struct, array_like=True, tag=5):
    """The method raised. `code` and `message` are set for what the caller may see."""

    id: int
    kind: FailureKind
    traceback: str
    code: str = ""
    message: str = ""
    retryable: bool = False
    ran: Ran | None = None


class RawCall(msgspec.Struct, array_like=True, tag=0):
    """A `Call` as the worker reads it: the argument is decoded by the method's annotation."""

    id: int
    method: str
    argument: msgspec.Raw


class RawResult(msgspec.Struct, array_like=True, tag=2):
    """A `Result` as the server reads it."""

    id: int
    value: msgspec.Raw
    ran: Ran | None = None


class RawChunk(msgspec.Struct, array_like=True, tag=3):
    """A `Chunk` as the server reads it."""

    id: int
    value: msgspec.Raw
    ran: Ran | None = None


Reply = Ready | LoadFailed | RawResult | RawChunk | End | Failed

request_decoder = msgspec.msgpack.Decoder(RawCall | Cancel | Credit)
reply_decoder: msgspec.msgpack.Decoder[Reply] = msgspec.msgpack.Decoder(Reply)
_encode = msgspec.msgpack.Encoder().encode


class Unencodable(ValueError):
    """A value is of a type that msgpack has no form for, or too large."""


def frame(message: msgspec.Struct) -> bytes:
    """A message as it goes over the wire. Raises Unencodable."""
    body = encode(message)
    return len(body).to_bytes(PREFIX_BYTES, "little") + body


def encode(message: Any) -> bytes:
    """A message, or an argument, without the length before it. Raises Unencodable."""
    try:
        body = _encode(message)
    except Exception as error:
        raise Unencodable(str(error)) from error
    if len(body) > MAX_FRAME_BYTES:
        raise Unencodable(f"{len(body)} bytes are more than the {MAX_FRAME_BYTES} that one message may have")
    return body


class FrameBuffer:
    """Collects bytes as they arrive and cuts them into frames, many for one read."""

    def __init__(self) -> None:
        self._memory = bytearray(READ_BYTES)
        self._filled = 0

    def space(self) -> memoryview:
        """Where the next bytes belong; never empty."""
        return memoryview(self._memory)[self._filled :]

    def received(self, size: int) -> list[bytes]:
        """Takes the `size` bytes that were written into `space()`; returns the frames that are whole now."""
        self._filled += size
        memory, start, filled = self._memory, 0, self._filled
        frames: list[bytes] = []
        need = PREFIX_BYTES
        while filled - start >= PREFIX_BYTES:
            need = PREFIX_BYTES + int.from_bytes(memory[start : start + PREFIX_BYTES], "little")
            if filled - start < need:
                break
            frames.append(bytes(memoryview(memory)[start + PREFIX_BYTES : start + need]))
            start += need
            need = PREFIX_BYTES
        if start == filled and len(memory) == READ_BYTES:
            self._filled = 0
        elif start or need > len(memory):
            self._move(start, need)
        return frames

    def _move(self, start: int, need: int) -> None:
        """Puts what is left at the beginning of a memory that holds the next frame whole."""
        rest = self._memory[start : self._filled]
        size = max(READ_BYTES, need)
        if size != len(self._memory):
            self._memory = bytearray(size)
        self._memory[: len(rest)] = rest
        self._filled = len(rest)
