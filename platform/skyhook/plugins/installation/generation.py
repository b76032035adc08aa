"""A generation: the plugins that are installed beside the server's own packages, and all that they need."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct


class Package(Struct, frozen=True):
    """A pinned distribution."""

    name: str
    """As normalized by PyPI."""
    version: str
    hashes: tuple[str, ...]
    """Of the files that may be installed: `sha256:...`."""
    wheel: str | None = None
    """The name of its file, where it came from no index: it is kept beside the generations."""

    def requirement(self, wheels: Path) -> str:
        """Its lines of a requirements file, with its hashes."""
        place = f"{self.name}=={self.version}"
        if self.wheel is not None:
            place = f"{self.name} @ {(wheels / self.wheel).as_uri()}"
        return " \\\n    ".join([place, *(f"--hash={one}" for one in self.hashes)])


class InstalledPlugin(Struct, frozen=True):
    """A plugin of a generation."""

    name: str
    distribution: str
    version: str
    source: str
    """What it was installed from: a name, a wheel, a folder or a git address.

    A wheel or folder is an absolute path; the mere name of a wheel is that of one which was uploaded.
    """


class Generation(Struct, frozen=True):
    """What is installed beside the server's own packages."""

    plugins: tuple[InstalledPlugin, ...] = ()
    packages: tuple[Package, ...] = ()

    @property
    def digest(self) -> str:
        """Names the folder that it is installed in, on this version of Python."""
        text = msgspec.json.encode([platform.python_version(), self.packages])
        return hashlib.sha256(text).hexdigest()[:16]

    def plugin(self, name: str) -> InstalledPlugin | None:
        """The plugin of this name."""
        return next((one for one in self.plugins if one.name == name), None)

    def package(self, name: str) -> Package | None:
        """The distribution of this name."""
        return next((one for one in self.packages if one.name == name), None)

    def without(self, names: Iterable[str]) -> Generation:
        """The same without these plugins; what only they needed stays until it is resolved anew."""
        gone = set(names)
        return Generation(tuple(one for one in self.plugins if one.name not in gone), self.packages)


NOTHING = Generation()
