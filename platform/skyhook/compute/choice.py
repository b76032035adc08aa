"""The backend that the configuration names."""

from __future__ import annotations

from collections.abc import Mapping

from skyhook.compute.backend import Compute
from skyhook.compute.local import LocalCompute
from skyhook.compute.modal.errors import ModalNotInstalled
from skyhook.configuration import Configuration


def compute_of(configuration: Configuration, bundled: Mapping[str, str]) -> Compute:
    """The backend, which imports Modal's client only where it is chosen.

    `bundled` has the `package:folder` of each folder of weights that a plugin brings. Raises
    ModalNotInstalled.
    """
    if configuration.compute == "local":
        return LocalCompute(configuration)
    require_modal()
    from skyhook.compute.modal.backend import ModalCompute

    return ModalCompute(configuration, bundled)


def require_modal() -> None:
    """Raises ModalNotInstalled where Modal's client is missing."""
    try:
        import modal  # noqa: F401
    except ModuleNotFoundError as error:
        raise ModalNotInstalled(
            "Modal's client is not installed: pip install 'skyhook-platform[modal]' from this folder."
        ) from error
