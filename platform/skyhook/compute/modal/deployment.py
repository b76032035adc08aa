"""Deploys the installed functions, and tells how what is deployed differs from what is installed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

import modal

from skyhook.compute.modal.errors import ModalNotDeployed
from skyhook.compute.modal.image import image_of
from skyhook.compute.modal.installed import fingerprint, installed_functions
from skyhook.compute.modal.naming import APP, class_name, image_name
from skyhook.compute.modal.settings import FunctionSettings, read_settings
from skyhook.compute.modal.translation import translated
from skyhook.compute.standing import Drift, Standing
from skyhook.configuration import Configuration
from skyhook.function import FunctionSpec, spec_of

ANSWER_S = 5.0
"""How long Modal may take to say what is deployed: its client tries to connect for a minute."""


async def deploy(configuration: Configuration) -> list[Standing]:
    """Deploys every installed function, and takes away what is not installed.

    Raises the backend's errors, and InvalidInput for wrong settings.
    """
    specs = [spec_of(one) for one in installed_functions()]
    settings = read_settings(configuration, specs)
    from skyhook.compute.modal.app import app

    try:
        await app.deploy.aio(name=APP)
        deployed = await modal.App.lookup.aio(APP)
        await publish(specs, deployed)
        await deployed.set_tags.aio(_fingerprints(specs, settings))
    except Exception as error:
        raise translated(error, f"The app {APP!r}") from error
    return await standings(configuration)


async def publish(specs: Sequence[FunctionSpec], app: modal.App) -> None:
    """Builds the images of those functions that are isolated, under their names. Raises what Modal does."""
    for spec in specs:
        if spec.isolated:
            image = await image_of(spec).build.aio(app)
            await image.publish.aio(image_name(spec.name))


def installed_settings(configuration: Configuration) -> Mapping[str, FunctionSettings]:
    """The settings of the installed functions, by their names. Raises InvalidInput."""
    return read_settings(configuration, [spec_of(one) for one in installed_functions()])


async def is_deployed() -> bool:
    """Whether the app is there, in whatever version. Raises the backend's errors."""
    try:
        await deployed_fingerprints()
    except ModalNotDeployed:
        return False
    return True


async def standings(configuration: Configuration) -> list[Standing]:
    """How each function stands: the installed ones first.

    Raises the backend's errors, and InvalidInput for wrong settings.
    """
    return await question(configuration)()


def question(configuration: Configuration) -> Callable[[], Awaitable[list[Standing]]]:
    """What tells `standings` again and again, for what is installed now. Raises InvalidInput."""
    specs = [spec_of(one) for one in installed_functions()]
    settings = read_settings(configuration, specs)

    async def ask() -> list[Standing]:
        return compare(specs, settings, await deployed_fingerprints())

    return ask


async def deployed_fingerprints() -> Mapping[str, str]:
    """The fingerprints of what is deployed, by class. Raises the backend's errors, within seconds."""
    try:
        async with asyncio.timeout(ANSWER_S):
            app = await modal.App.lookup.aio(APP)
            tags: Mapping[str, str] = await app.get_tags.aio()
    except Exception as error:
        raise translated(error, f"The app {APP!r}") from error
    return tags


def compare(
    installed: Sequence[FunctionSpec], settings: Mapping[str, FunctionSettings], deployed: Mapping[str, str]
) -> list[Standing]:
    """How installed functions, with their settings, stand to what is deployed."""
    wanted = _fingerprints(installed, settings)
    found = []
    for spec in installed:
        name = class_name(spec.name)
        drift: Drift = "deployed" if deployed.get(name) == wanted[name] else "changed"
        own = settings.get(spec.name, FunctionSettings())
        found.append(Standing(spec.name, drift if name in deployed else "missing", spec, own))
    return found + [Standing(name, "removed", None) for name in sorted(deployed.keys() - wanted.keys())]


def _fingerprints(specs: Sequence[FunctionSpec], settings: Mapping[str, FunctionSettings]) -> dict[str, str]:
    usual = FunctionSettings()
    return {class_name(spec.name): fingerprint(spec, settings.get(spec.name, usual)) for spec in specs}
