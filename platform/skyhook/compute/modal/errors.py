"""What only the backend on Modal can end in."""

from __future__ import annotations

from skyhook.compute.errors import NotAnswered
from skyhook.errors import SkyhookError


class ContainerFailed(Exception):
    """Raised in a container for what went wrong before the body ran, of whatever type that was."""


class ModalNotInstalled(SkyhookError):
    """Modal's client is missing in the server's environment."""

    code = "MODAL_NOT_INSTALLED"
    status = 503


class ModalUnauthorized(NotAnswered):
    """Modal knows no token, or refuses the one that it is given."""

    code = "MODAL_UNAUTHORIZED"
    status = 503


class ModalNotDeployed(NotAnswered):
    """The app, or the function in it, is not deployed."""

    code = "MODAL_NOT_DEPLOYED"
    status = 503


class ModalQuotaExceeded(NotAnswered):
    """Modal takes no more calls: a limit of the workspace is reached."""

    code = "MODAL_QUOTA_EXCEEDED"
    status = 503
    retryable = True


class ModalUnreachable(NotAnswered):
    """Modal does not answer."""

    code = "MODAL_UNREACHABLE"
    status = 503
    retryable = True

    @classmethod
    def now(cls) -> ModalUnreachable:
        """As its callers get it."""
        return cls("Modal does not answer. Try again later.", retry_after_s=5.0)


class WeightsNotOnModal(SkyhookError):
    """The model's weights are where no container reaches them."""

    code = "MODAL_WEIGHTS_MISSING"
    status = 503


class WeightsNotUploaded(SkyhookError):
    """The model's weights did not come to Modal whole."""

    code = "MODAL_UPLOAD_FAILED"
    status = 503
    retryable = True
