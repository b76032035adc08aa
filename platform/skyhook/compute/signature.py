"""What a method takes and gives, read from its annotations; the same on both sides of the pipe."""

from __future__ import annotations

import collections.abc
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, get_args, get_origin, get_type_hints

import msgspec

from skyhook.function import CHECKPOINTS, SPEC, WEIGHTS, Transient

_ITERATORS = (collections.abc.Iterator, collections.abc.Generator, collections.abc.Iterable)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a method's argument and result are decoded."""

    method: str
    streams: bool
    """Whether the method is a generator; `result` is then what it yields."""
    argument: msgspec.msgpack.Decoder[Any]
    result: msgspec.msgpack.Decoder[Any]
    weights: tuple[str, ...] = ()
    """The argument's fields that are a `WeightsFolder`."""
    checkpoints: tuple[str, ...] = ()
    """Those that are a `CheckpointFolder`."""
    tells: bool = False
    """Whether what it yields may be `Transient`."""


@functools.cache
def signature_of(method: Callable[..., Any]) -> Signature:
    """The signature of a function's method.

    Raises TypeError where it is not of the form `method(self, argument: A) -> R`, names weights or
    checkpoints though each call is isolated, or takes nothing by which its function's calls are kept apart.
    """
    spec = getattr(method, SPEC, None)
    name = method.__name__
    parameters = list(inspect.signature(method).parameters)
    hints = get_type_hints(method, include_extras=True)
    if len(parameters) != 2 or parameters[1] not in hints or "return" not in hints:
        raise TypeError(
            f"{method.__qualname__} must take one annotated argument and have an annotated result"
        )
    result = hints["return"]
    streams = get_origin(result) in _ITERATORS
    if streams:
        result = get_args(result)[0]
    weights = _fields_of(hints[parameters[1]], WEIGHTS)
    checkpoints = _fields_of(hints[parameters[1]], CHECKPOINTS)
    if (weights or checkpoints) and spec is not None and spec.isolated:
        raise TypeError(f"{method.__qualname__} is isolated: its machine has no folders of the platform's")
    if spec is not None and spec.pool and not hasattr(hints[parameters[1]], spec.pool):
        raise TypeError(f"{method.__qualname__} takes no {spec.pool!r}, the pool of its function's calls")
    return Signature(
        method=name,
        streams=streams,
        argument=msgspec.msgpack.Decoder(hints[parameters[1]]),
        result=msgspec.msgpack.Decoder(result),
        weights=weights,
        checkpoints=checkpoints,
        tells=streams and _is_transient(result),
    )


def _is_transient(hint: Any) -> bool:
    """Also where it is one of several types."""
    if isinstance(hint, type) and issubclass(hint, Transient):
        return True
    return any(map(_is_transient, get_args(hint)))


def _fields_of(argument: Any, mark: dict[str, str]) -> tuple[str, ...]:
    if not (isinstance(argument, type) and issubclass(argument, msgspec.Struct)):
        return ()
    hints = get_type_hints(argument, include_extras=True)
    return tuple(name for name in argument.__struct_fields__ if _has(hints[name], mark))


def _has(hint: Any, mark: dict[str, str]) -> bool:
    """Also where the field may be None."""
    if any(isinstance(one, msgspec.Meta) and one.extra == mark for one in getattr(hint, "__metadata__", ())):
        return True
    return any(_has(one, mark) for one in get_args(hint))
