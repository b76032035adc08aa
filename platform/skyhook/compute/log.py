"""A worker's output: one file a function, of limited size."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

LOG_BYTES = 4 << 20
"""A log is moved aside beyond this size; one older part is kept."""


def open_log(path: Path) -> int:
    """A descriptor that appends to the log, for a worker's stdout and stderr. The caller closes it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o640)


def limit_log(path: Path) -> None:
    """Copies a log that has grown too long to `<name>.1` and empties it.

    A rename would not do: the worker would go on writing to the renamed file. Where the disk refuses,
    the log is left for later: that must not end the worker.
    """
    try:
        if path.stat().st_size > LOG_BYTES:
            shutil.copyfile(path, path.with_name(path.name + ".1"))
            os.truncate(path, 0)
    except OSError:
        return
