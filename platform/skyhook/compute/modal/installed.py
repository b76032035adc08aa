"""The functions of the installed plugins, and what of each decides how it runs."""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from importlib import metadata
from pathlib import Path

import msgspec

from skyhook.compute.modal.settings import FunctionSettings
from skyhook.function import FunctionSpec, spec_of

SHARED = ("errors.py", "function.py", "machine.py", "network.py", "compute")
"""What of the core is in every image."""


def installed_functions() -> list[type]:
    """The functions of the plugins that are sound, each once, by name."""
    from skyhook.plugins.host import PluginHost  # not in a container

    found = {spec_of(one).name: one for plugin in PluginHost.discover().loaded for one in plugin.functions}
    return [found[name] for name in sorted(found)]


def fingerprint(spec: FunctionSpec, settings: FunctionSettings) -> str:
    """Sixteen digits that change with a function's mark, settings and image's code, and Modal's version."""
    known = hashlib.sha256(msgspec.json.encode((spec, settings)))
    known.update(metadata.version("modal").encode())
    known.update(_code_of(package_folder(spec.name.partition(".")[0].partition(":")[0])))
    core = package_folder("skyhook")
    for name in SHARED:
        known.update(_code_of(core / name))
    return known.hexdigest()[:16]


def package_folder(package: str) -> Path:
    """Where a top-level package, or module, is installed. Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise ModuleNotFoundError(f"there is no package {package!r}")
    return Path(spec.submodule_search_locations[0] if spec.submodule_search_locations else spec.origin or "")


@functools.cache
def _code_of(place: Path) -> bytes:
    """A digest of a package's code; other files count by their size, since weights are large."""
    digest = hashlib.sha256()
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        if path.is_file() and "__pycache__" not in path.parts:
            digest.update(str(path.relative_to(place.parent)).encode())
            digest.update(path.read_bytes() if path.suffix == ".py" else str(path.stat().st_size).encode())
    return digest.digest()
