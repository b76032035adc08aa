"""What long calls write down to go on from: a name on the server, a folder where the body runs."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import msgspec

from skyhook.function import Progress

CHECKPOINTS = "checkpoints"
"""The folder in the data folder where they lie on the local machine."""
REACHED = "reached.json"
"""The file in a folder of checkpoints that says how far they go, for who cannot see the call."""
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")


def placed(argument: Any, fields: tuple[str, ...], root: Path) -> Any:
    """The argument with folders below `root`, made where they are missing, for the names in those fields.

    Raises ValueError for what is no name.
    """
    folders = {}
    for field in fields:
        name = getattr(argument, field)
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} cannot be the name of checkpoints")
        (root / name).mkdir(parents=True, exist_ok=True)
        folders[field] = str(root / name)
    return msgspec.structs.replace(argument, **folders) if folders else argument


def write_reached(folder: Path, progress: Progress) -> None:
    """Writes down, whole or not at all, how far the checkpoints of a folder go."""
    beside = folder / f"{REACHED}.new"
    beside.write_bytes(msgspec.json.encode(progress))
    os.replace(beside, folder / REACHED)
