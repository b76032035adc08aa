"""Deploys the installed functions, and tells how what is deployed differs from what is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import modal

from skyhook.compute.modal.errors import ModalNotDeployed
from skyhook.compute.modal.installed import fingerprint, installed_functions
from skyhook.compute.modal.naming import APP, class_name
from skyhook.compute.modal.translation import translated
from skyhook.function import FunctionSpec, spec_of

Drift = Literal["deployed", "changed", "missing", "removed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one function stands on Modal."""

    name: str
    """The function's, or the class's on Modal where no such function is installed any more."""
    drift: Drift
    """`changed`: another version than the installed one is deployed; `removed`: only there."""
    spec: FunctionSpec | None


async def deploy() -> list[Standing]:
    """Deploys every installed function, and takes away what is not installed. Raises the backend's errors."""
    from skyhook.compute.modal.app import app

    try:
        await app.deploy.aio(name=APP)
        deployed = await modal.App.lookup.aio(APP)
        await deployed.set_tags.aio(_fingerprints([spec_of(one) for one in installed_functions()]))
    except Exception as error:
        raise translated(error, f"The app {APP!r}") from error
    return await standings()


async def is_deployed() -> bool:
    """Whether the app is there, in whatever version. Raises the backend's errors."""
    try:
        await deployed_fingerprints()
    except ModalNotDeployed:
        return False
    return True


async def standings() -> list[Standing]:
    """How each function stands: the installed ones first. Raises the backend's errors."""
    return compare([spec_of(one) for one in installed_functions()], await deployed_fingerprints())


async def deployed_fingerprints() -> Mapping[str, str]:
    """The fingerprints of what is deployed, by class. Raises the backend's errors."""
    try:
        app = await modal.App.lookup.aio(APP)
        tags: Mapping[str, str] = await app.get_tags.aio()
    except Exception as error:
        raise translated(error, f"The app {APP!r}") from error
    return tags


def compare(installed: Sequence[FunctionSpec], deployed: Mapping[str, str]) -> list[Standing]:
    """How installed functions stand to what is deployed."""
    wanted = _fingerprints(installed)
    found = []
    for spec in installed:
        name = class_name(spec.name)
        drift: Drift = "deployed" if deployed.get(name) == wanted[name] else "changed"
        found.append(Standing(spec.name, drift if name in deployed else "missing", spec))
    return found + [Standing(name, "removed", None) for name in sorted(deployed.keys() - wanted.keys())]


def _fingerprints(specs: Sequence[FunctionSpec]) -> dict[str, str]:
    return {class_name(spec.name): fingerprint(spec) for spec in specs}
