"""What every place that runs a function's bodies shares: how one is loaded, and what its failure says."""

from __future__ import annotations

import importlib
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from skyhook.compute import protocol
from skyhook.compute.protocol import Failed, Ran, RawCall
from skyhook.compute.running import Running, Stopped
from skyhook.compute.signature import signature_of
from skyhook.function import FunctionError

_END = object()


def find(name: str) -> Any:
    """The marked class of a name, `module:Class`. Raises what its import raises."""
    module, _, path = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in path.split("."):
        found = getattr(found, part)
    return found


def load(name: str) -> Any:
    """An instance of the function that is ready for calls. Raises whatever its `load` raises."""
    instance = find(name)()
    prepare = getattr(instance, "load", None)
    if prepare is not None:
        prepare()
    return instance


def answer(
    instance: Any,
    running: Running,
    call: RawCall,
    send: Callable[[bytes], None],
    so_far: Callable[[], Ran | None] = lambda: None,
) -> bytes:
    """Runs a call and sends what it yields; returns the one frame that ends it. Raises Stopped.

    `so_far` tells how much of a rented machine it has had.
    """
    try:
        method = getattr(type(instance), call.method)
        signature = signature_of(method)
        try:
            argument = signature.argument.decode(call.argument)
        except msgspec.MsgspecError as error:
            return protocol.frame(Failed(call.id, "bad_argument", "", message=str(error)))
        with running:
            value = method(instance, argument)
        if signature.streams:
            send_each(
                running,
                value,
                lambda item: protocol.frame(protocol.Chunk(call.id, item)),
                lambda frame, _: send(frame),
            )
            return protocol.frame(protocol.End(call.id, so_far()))
        return protocol.frame(protocol.Result(call.id, value, so_far()))
    except Stopped:
        raise
    except BaseException as error:  # a body may raise anything, SystemExit too
        failed = failure(call.id, error)
        failed.ran = so_far()
        return protocol.frame(failed)


def send_each(
    running: Running,
    items: Iterator[Any],
    encode: Callable[[Any], bytes],
    send: Callable[[bytes, Any], None],
) -> None:
    """Sends what the generator yields for as long as somebody takes it, then closes the generator.

    `send` is given each item encoded, and as it is.
    """
    try:
        while True:
            with running:
                item = next(items, _END)
            if item is _END:
                return
            encoded = encode(item)
            if not running.take_credit(len(encoded)):
                return
            send(encoded, item)
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()


def failure(call_id: int, error: BaseException) -> Failed:
    """What the server is told of a body that raised."""
    text = encodable("".join(traceback.format_exception(error)))
    if isinstance(error, FunctionError):
        code, message = encodable(error.code), encodable(error.message)
        return Failed(call_id, "reported", text, code, message, error.retryable)
    return Failed(call_id, "out_of_memory" if _is_out_of_memory(error, text) else "raised", text)


def encodable(text: str) -> str:
    """The text without what UTF-8 cannot hold, such as the bytes of a file's odd name."""
    return str(text).encode(errors="backslashreplace").decode()


def _is_out_of_memory(error: BaseException, text: str) -> bool:
    """Also knows torch's errors, by name, since torch cannot be imported here."""
    names = {cls.__name__ for cls in type(error).__mro__}
    return bool(names & {"MemoryError", "OutOfMemoryError"}) or "DefaultCPUAllocator: can't allocate" in text
