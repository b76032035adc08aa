"""What things are called on Modal."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from skyhook.errors import InvalidInput
from skyhook.function import FunctionSpec

APP = "skyhook"
VOLUME = "skyhook-models"
CHECKPOINT_VOLUME = "skyhook-checkpoints"
EVENTS = "skyhook-events"
"""The queue of what detached calls tell while they run; a partition for each call, by its id."""
CLAIMS = "skyhook-claims"
"""The dictionary of which detached call runs for a token."""
FUNCTION = "SKYHOOK_FUNCTION"
"""The variable that tells a container which function it runs;"""
GPU = "SKYHOOK_GPU"
"""which GPUs it may have, with commas between them;"""
SNAPSHOT = "SKYHOOK_SNAPSHOT"
"""and, where it is set, that a snapshot is taken of its memory."""


def class_name(function: str) -> str:
    """The name on Modal of a function's class: readable, and no other function's."""
    return (
        f"{function.rpartition(':')[2].replace('.', '_')}_{hashlib.sha256(function.encode()).hexdigest()[:8]}"
    )


def image_name(function: str) -> str:
    """The name on Modal of the image of an isolated function."""
    return f"{APP}-{class_name(function)}"


def named(name: str, installed: Sequence[FunctionSpec]) -> FunctionSpec:
    """The function of a name, or of a class's name that no other function has. Raises InvalidInput."""
    found = [spec for spec in installed if name in (spec.name, spec.name.rpartition(":")[2])]
    if len(found) == 1:
        return found[0]
    if found:
        raise InvalidInput(
            f"{name!r} may be {' or '.join(spec.name for spec in found)}: give the whole name."
        )
    raise InvalidInput(f"There is no function {name!r}; `skyhook functions list` shows those that there are.")
