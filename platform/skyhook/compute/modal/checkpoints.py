"""The server's side of the volumes of checkpoints and weights, by Modal's own interface."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import modal
import msgspec
from modal.types import FileEntryType

from skyhook.compute.checkpoints import REACHED
from skyhook.compute.modal.naming import CHECKPOINT_VOLUME
from skyhook.compute.modal.translation import translated
from skyhook.compute.modal.volume import upload
from skyhook.function import Progress

_OF_THE_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EEXIST)
"""What an OSError has that is of this machine's disk; others are of the network."""


class VolumeCheckpoints:
    """Implements `skyhook.training.store.CheckpointStore`."""

    async def reached(self, checkpoints: str) -> Progress | None:
        """What the container has noted with the last checkpoint that it has committed."""
        async with _volume(CHECKPOINT_VOLUME) as volume:
            try:
                parts = [part async for part in volume.read_file.aio(f"{checkpoints}/{REACHED}")]
            except FileNotFoundError:
                return None
            return msgspec.json.decode(b"".join(parts), type=Progress)

    async def fetch(self, path: str, folder: Path) -> None:
        """Downloads a folder; it must not be there yet."""
        async with _volume(CHECKPOINT_VOLUME) as volume:
            entries = await volume.listdir.aio(path, recursive=True)
            files = [one.path.lstrip("/") for one in entries if one.type == FileEntryType.FILE]
            for name in files:
                with _made(folder / Path(name).relative_to(path)) as stream:
                    await volume.read_file_into_fileobj.aio(name, stream)

    async def deliver(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Uploads a folder of weights to the volume that every container has, under its own name."""
        await upload(folder, "", tell)

    async def remove(self, checkpoints: str) -> None:
        """Deletes checkpoints, if there are any."""
        async with _volume(CHECKPOINT_VOLUME) as volume:
            with suppress(FileNotFoundError):
                await volume.remove_file.aio(checkpoints, recursive=True)

    def place(self, path: str) -> str:
        """Where something is, for people."""
        return f"{path} on the volume {CHECKPOINT_VOLUME}"


def _made(path: Path) -> BinaryIO:
    """A new file of this machine, with its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("xb")


@asynccontextmanager
async def _volume(name: str) -> AsyncIterator[modal.Volume]:
    try:
        yield modal.Volume.from_name(name, create_if_missing=True)
    except OSError as error:
        if error.errno in _OF_THE_DISK:
            raise
        raise translated(error, f"The volume {name}") from error
    except Exception as error:
        raise translated(error, f"The volume {name}") from error
