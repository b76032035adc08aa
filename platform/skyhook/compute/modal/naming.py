"""What things are called on Modal."""

from __future__ import annotations

import hashlib

APP = "skyhook"
VOLUME = "skyhook-models"
CHECKPOINT_VOLUME = "skyhook-checkpoints"
EVENTS = "skyhook-events"
"""The queue of what detached calls tell while they run; a partition for each call, by its id."""
CLAIMS = "skyhook-claims"
"""The dictionary of which detached call runs for a token."""
FUNCTION = "SKYHOOK_FUNCTION"
"""The variable that tells a container which function it runs."""


def class_name(function: str) -> str:
    """The name on Modal of a function's class: readable, and no other function's."""
    return (
        f"{function.rpartition(':')[2].replace('.', '_')}_{hashlib.sha256(function.encode()).hexdigest()[:8]}"
    )
