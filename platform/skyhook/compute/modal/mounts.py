"""The volumes that containers have: pulled weights in each, and checkpoints where a method keeps some.

A container sees a volume as it was when the container started, and others see what it wrote once it is
committed.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import modal

from skyhook.compute.checkpoints import write_reached
from skyhook.compute.modal.naming import CHECKPOINT_VOLUME, VOLUME
from skyhook.compute.signature import signature_of
from skyhook.function import SPEC, Evaluated, Progress

MODELS = "/models"
"""Where a container has the volume of pulled weights."""
CHECKPOINTS = "/checkpoints"
"""Where it has that of checkpoints."""


def volumes_of(function: type) -> dict[str | PurePosixPath, modal.Volume | modal.CloudBucketMount]:
    """The volumes of a function's containers, by where they are mounted."""
    volumes: dict[str | PurePosixPath, modal.Volume | modal.CloudBucketMount] = {MODELS: _volume(VOLUME)}
    methods = [member for _, member in inspect.getmembers(function, callable) if hasattr(member, SPEC)]
    if any(signature_of(method).checkpoints for method in methods if method.__name__ != "load"):
        volumes[CHECKPOINTS] = _volume(CHECKPOINT_VOLUME)
    return volumes


def pulled(name: str) -> str:
    """The folder of pulled weights, also where they came after the container had started."""
    folder = Path(MODELS, name)
    if not folder.exists():
        _volume(VOLUME).reload()
    return str(folder)


def kept(events: Iterator[Any], folders: Sequence[Path]) -> Iterator[Any]:
    """What a body yields, each once that is safe which the body says it has kept in its checkpoints."""
    if not folders:
        return events
    return _kept(events, folders)


def _kept(events: Iterator[Any], folders: Sequence[Path]) -> Iterator[Any]:
    try:
        for event in events:
            if isinstance(event, Progress) and event.is_saved:
                for folder in folders:
                    write_reached(folder, event)
            if isinstance(event, Evaluated) or (isinstance(event, Progress) and event.is_saved):
                _volume(CHECKPOINT_VOLUME).commit()
            yield event
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


def _volume(name: str) -> modal.Volume:
    return modal.Volume.from_name(name, create_if_missing=True)
