"""The folders of generations below the data folder, and the link to the one that is used.

`plugins/generations/<digest>` is whole wherever it exists, `plugins/current` leads to the one that processes
import from when they start, and `plugins/wheels` keeps what came from no index.
"""

from __future__ import annotations

import fcntl
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from skyhook.plugins.errors import PluginsBusy
from skyhook.plugins.installation.generation import NOTHING, Generation

RECORD = "skyhook-generation.json"
USED = "skyhook-used"
"""The file that tells when processes were last led to a generation."""
KEPT = 5
"""How many generations stay on the disk, so that to go back takes no index."""


class Folders:
    """Those of one data folder."""

    def __init__(self, data: Path) -> None:
        self.root = data / "plugins"
        self.wheels = self.root / "wheels"
        self._current = self.root / "current"
        self._generations = self.root / "generations"

    @property
    def current(self) -> Path | None:
        """The folder that processes import plugins from when they start now."""
        folder = self._current.resolve()
        return folder if folder.is_dir() and folder != self._current else None

    @property
    def current_generation(self) -> Generation:
        """What is installed there."""
        if self.current is None:
            return NOTHING
        return _read(self.current / RECORD)

    def of(self, generation: Generation) -> Path | None:
        """Where a generation is or would be; None for the empty one."""
        return self._generations / generation.digest if generation.packages else None

    def building(self) -> Path:
        """A new empty folder to build a generation in."""
        folder = self._generations / f"building-{secrets.token_hex(4)}"
        folder.mkdir(parents=True)
        return folder

    def finish(self, building: Path, generation: Generation) -> Path:
        """Gives what was built its name; where another was quicker its folder stays."""
        folder = self._generations / generation.digest
        self.write_record(building, generation)
        try:
            building.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
            shutil.rmtree(building)
        return folder

    def write_record(self, folder: Path, generation: Generation) -> None:
        """Says in a folder what is installed in it."""
        fresh = folder / f"{RECORD}.{secrets.token_hex(4)}"
        fresh.write_bytes(msgspec.json.encode(generation))
        fresh.replace(folder / RECORD)

    def switch(self, folder: Path | None) -> None:
        """Lets processes that start from now on import from the folder, or from none; in one step."""
        if folder is None:
            self._current.unlink(missing_ok=True)
            return
        fresh = self._current.with_name(f"current-{secrets.token_hex(4)}")
        fresh.symlink_to(folder.relative_to(self.root))
        (folder / USED).touch()
        fresh.replace(self._current)

    def prune(self) -> None:
        """Deletes what was never used, all but the generations that were used last, and wheels of no use."""
        used = [path for path in self._generations.glob("*") if (path / USED).exists()]
        used.sort(key=lambda path: (path / USED).stat().st_mtime, reverse=True)
        kept = {*used[:KEPT], self.current}
        for folder in self._generations.glob("*"):
            if folder not in kept:
                shutil.rmtree(folder, ignore_errors=True)
        wheels = {
            package.wheel
            for folder in self._generations.glob("*")
            for package in _read(folder / RECORD).packages
        }
        for wheel in self.wheels.glob("*"):
            if wheel.name not in wheels:
                wheel.unlink()

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Lets one process at a time change what is installed. Raises PluginsBusy."""
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise PluginsBusy(
                    "Plugins are being changed by another command: wait until it ends."
                ) from None
            yield


def _read(record: Path) -> Generation:
    return msgspec.json.decode(record.read_bytes(), type=Generation)


def import_from(folder: Path | None) -> None:
    """Lets this process import the plugins of a generation, after everything that is the server's own."""
    if folder is not None and str(folder) not in sys.path:
        sys.path.append(str(folder))


def import_installed(data: Path) -> None:
    """Lets this process import the plugins that are installed below the data folder now."""
    import_from(Folders(data).current)
