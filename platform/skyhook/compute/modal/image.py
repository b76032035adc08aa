"""The image of a function: what it requires, its own package, and of the core the contract alone."""

from __future__ import annotations

import sys
from pathlib import Path

import modal

from skyhook.compute.modal.installed import SHARED, package_folder
from skyhook.function import FunctionSpec

MSGSPEC = "msgspec>=0.22"
ROOT = "/root"
"""Where a container imports from."""
IGNORED = ["**/__pycache__", "**/*.pyc"]


def image_of(spec: FunctionSpec) -> modal.Image:
    """Modal builds it once for each set of requirements; code is added when a container starts.

    That of an isolated function has the code in it: a sandbox is made of an image and nothing else.
    """
    image = modal.Image.debian_slim(python_version=f"{sys.version_info.major}.{sys.version_info.minor}")
    if spec.system_packages:
        image = image.apt_install(*spec.system_packages)
    image = image.uv_pip_install(*sorted({*spec.requirements, MSGSPEC}))
    core = package_folder("skyhook")
    for name in ("__init__.py", *SHARED):
        image = _add(image, core / name, f"{ROOT}/skyhook/{name}", copy=spec.isolated)
    package = package_folder(spec.name.partition(":")[0].partition(".")[0])
    return _add(image, package, f"{ROOT}/{package.name}", copy=spec.isolated)


def _add(image: modal.Image, place: Path, target: str, *, copy: bool) -> modal.Image:
    if place.is_dir():
        return image.add_local_dir(place, target, ignore=IGNORED, copy=copy)
    return image.add_local_file(place, target, copy=copy)
