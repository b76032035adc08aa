"""What a model's folder can do, read from its JSON files alone: the server asks without loading torch."""

from __future__ import annotations

from pathlib import Path

from skyhook_functions.imagine.messages import Abilities


def describe(folder: Path) -> Abilities:
    """What the model in a folder can do.

    Raises MODEL_NOT_FOUND, MODEL_INVALID, and MODEL_UNSUPPORTED, which names an unknown pipeline's class.
    """
    raise NotImplementedError
