"""Copies a pulled model's weights to the volume that containers have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import modal
from modal import exception

from skyhook.compute import errors
from skyhook.compute.modal.errors import WeightsNotUploaded
from skyhook.compute.modal.naming import VOLUME
from skyhook.compute.modal.translation import translated


async def upload(folder: Path, last: str, tell: Callable[[str], None]) -> int:
    """Makes the volume's folder of the same name as this one is; how many files were not there before.

    Modal knows files by their SHA-256: what it has, from an interrupted upload too, is not sent again. The
    file `last`, which says where the others are from, is put there when they are. `tell` is given a line for
    each file. Raises WeightsNotUploaded and the backend's errors.
    """
    name = folder.name
    sizes = _sizes_here(folder)
    try:
        volume: Any = modal.Volume.from_name(VOLUME, create_if_missing=True)
        before = await _sizes(volume, name)
        for number, file in enumerate(sorted(sizes, key=lambda file: (file == last, file)), 1):
            tell(f"[{number}/{len(sizes)}] {file}, {sizes[file] / 1e6:,.1f} MB")
            async with volume.batch_upload.aio(force=True) as batch:
                batch.put_file(folder / file, f"/{name}/{file}")
        for file in before.keys() - sizes.keys():  # of another revision
            await volume.remove_file.aio(f"/{name}/{file}")
        after = await _sizes(volume, name)
    except Exception as error:
        known = translated(error, f"The volume {VOLUME!r}")
        if isinstance(known, errors.FunctionUnavailable):
            raise WeightsNotUploaded(_SENTENCE.format(name, error)) from error
        raise known from error
    if after != sizes:
        wrong = sorted(file for file in after.keys() | sizes.keys() if after.get(file) != sizes.get(file))
        raise WeightsNotUploaded(_SENTENCE.format(name, f"{wrong[0]} differs there"))
    return len(sizes.keys() - before.keys())


def _sizes_here(folder: Path) -> dict[str, int]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.stat().st_size for path in files}


_SENTENCE = (
    "The weights of {} are not whole on Modal: {}. Run the command again; it goes on where it stopped."
)


async def _sizes(volume: Any, name: str) -> dict[str, int]:
    """The sizes of the files in a folder of the volume."""
    try:
        entries = await volume.listdir.aio(f"/{name}", recursive=True)
    except (FileNotFoundError, exception.NotFoundError):
        return {}
    files = (entry for entry in entries if entry.type.name == "FILE")
    return {entry.path.lstrip("/").removeprefix(f"{name}/"): entry.size for entry in files}
