"""A worker's output: one file a function, of limited size."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

LOG_BYTES = 4 << 20
"""A log is moved aside beyond this size; one older part is kept."""
END_BYTES = 64 << 10
"""How much of a log is shown."""
FOLLOW_S = 0.3
"""How often a log is looked at that somebody follows."""


def log_path(data: Path, function: str) -> Path:
    """Where the log of a function lies, by its name."""
    return data / "logs" / f"function-{function.replace(':', '.')}.log"


def end_of_log(path: Path) -> str:
    """The last 64 KiB of a log, from the beginning of a line; empty where there is none."""
    try:
        with path.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(size - END_BYTES, 0))
            text = log.read().decode(errors="replace")
    except FileNotFoundError:
        return ""
    return text.partition("\n")[2] if size > END_BYTES else text


async def lines_of(paths: Sequence[Path], lines: int, *, follows: bool) -> AsyncGenerator[str, None]:
    """The last lines of each log, under its file's name where there are several; then what comes."""
    for path in paths:
        if text := "".join(end_of_log(path).splitlines(keepends=True)[-lines:]):
            yield f"==> {path.name} <==\n{text}" if len(paths) > 1 else text
    sizes = {path: _size(path) for path in paths}
    while follows:
        await asyncio.sleep(FOLLOW_S)
        for path, before in sizes.items():
            sizes[path] = size = _size(path)
            if size != before and (text := _text_from(path, before if before < size else 0)):
                yield text


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _text_from(path: Path, position: int) -> str:
    with path.open("rb") as log:
        log.seek(position)
        return log.read().decode(errors="replace")


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
