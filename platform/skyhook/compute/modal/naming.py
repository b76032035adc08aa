"""What things are called on Modal."""

from __future__ import annotations

import hashlib

APP = "skyhook"
VOLUME = "skyhook-models"
CHECKPOINT_VOLUME = "skyhook-checkpoints"
FUNCTION = "SKYHOOK_FUNCTION"
"""The variable that tells a container which function it runs."""


def class_name(function: str) -> str:
    """The name on Modal of a function's class: readable, and no other function's."""
    return (
        f"{function.rpartition(':')[2].replace('.', '_')}_{hashlib.sha256(function.encode()).hexdigest()[:8]}"
    )
