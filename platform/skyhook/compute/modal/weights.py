"""Where a model's weights are: a path on the server, a name on the way, a path in the container.

Weights that ship in a package are in the image, with the package; those that were pulled are in a volume.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from skyhook.compute.modal import mounts
from skyhook.compute.modal.errors import WeightsNotOnModal

_PACKAGE = "package:"
_PULLED = "pulled:"


class WeightsNames:
    """The server's side: names the weights in arguments."""

    def __init__(self, bundled: Mapping[str, str], pulled: Path) -> None:
        """`bundled` has the `package:folder` of each folder that ships in a package."""
        self._bundled = bundled
        self._pulled = pulled

    def name(self, argument: Any, fields: tuple[str, ...]) -> Any:
        """The argument with names for the paths that those fields have. Raises WeightsNotOnModal."""
        paths = {field: getattr(argument, field) for field in fields}
        names = {field: self._name(path) for field, path in paths.items() if path is not None}
        return msgspec.structs.replace(argument, **names) if names else argument

    def _name(self, path: str) -> str:
        if path in self._bundled:
            return _PACKAGE + self._bundled[path]
        if Path(path).parent == self._pulled:
            return _PULLED + Path(path).name
        raise WeightsNotOnModal(
            "The weights of this model are on the server alone, where Modal's containers do not reach them."
        )


def bare(name: str) -> str:
    """The name of weights as the catalogue has it; what is no such name stays as it is."""
    return name.removeprefix(_PULLED)


def place(argument: Any, fields: tuple[str, ...]) -> Any:
    """The container's side: the argument with this machine's paths for the names."""
    names = {field: getattr(argument, field) for field in fields}
    paths = {field: _path(name) for field, name in names.items() if name is not None}
    return msgspec.structs.replace(argument, **paths) if paths else argument


def _path(name: str) -> str:
    if name.startswith(_PULLED):
        return mounts.pulled(name.removeprefix(_PULLED))
    package, _, folder = name.removeprefix(_PACKAGE).partition(":")
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"the image has no package {package!r}, which has the weights {name!r}")
    return str(Path(spec.submodule_search_locations[0]) / folder)
