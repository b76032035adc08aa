"""Where the checkpoints of trainings lie, and where what is published must lie as well."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from skyhook.compute.checkpoints import CHECKPOINTS
from skyhook.configuration import Configuration
from skyhook.function import Progress


class CheckpointStore(Protocol):
    """The checkpoints of one backend. Each method raises the backend's errors."""

    async def reached(self, checkpoints: str) -> Progress | None:
        """How far checkpoints go, where only their store can tell; None where there are none yet."""
        ...

    async def fetch(self, path: str, folder: Path) -> None:
        """Copies a folder of the store into one of this machine, which is not there yet."""
        ...

    async def deliver(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Brings weights, whose name is the folder's, to where functions look for them, and tells of it."""
        ...

    async def remove(self, checkpoints: str) -> None:
        """Deletes checkpoints, if there are any."""
        ...

    def place(self, path: str) -> str:
        """Where something is, for people."""
        ...


class LocalCheckpoints:
    """Those of the local backend, in the data folder. Implements `CheckpointStore`."""

    def __init__(self, data: Path) -> None:
        self._root = data / CHECKPOINTS

    async def reached(self, checkpoints: str) -> Progress | None:
        """None: who trains here sees the call."""
        return None

    async def fetch(self, path: str, folder: Path) -> None:
        await asyncio.to_thread(shutil.copytree, self._root / path, folder)

    async def deliver(self, folder: Path, tell: Callable[[str], None]) -> None:
        """Functions find it where it is."""

    async def remove(self, checkpoints: str) -> None:
        await asyncio.to_thread(shutil.rmtree, self._root / checkpoints, ignore_errors=True)

    def place(self, path: str) -> str:
        return str(self._root / path)


def store_of(configuration: Configuration) -> CheckpointStore:
    """The store of the backend that the configuration names; Modal's client must be there for Modal's."""
    if configuration.compute == "local":
        return LocalCheckpoints(configuration.data)
    from skyhook.compute.modal.checkpoints import VolumeCheckpoints

    return VolumeCheckpoints()
