"""What the operator decides about functions on Modal: containers, regions, GPUs. A TOML file says it.

What a function is belongs to its author and is in its mark; how much of it there is, and where, is here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from skyhook.compute.modal.naming import named
from skyhook.errors import InvalidInput
from skyhook.function import FunctionSpec

if TYPE_CHECKING:  # a container has no configuration
    from skyhook.configuration import Configuration

FILE = "functions.toml"


class FunctionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one function."""

    min_containers: int = 0
    """Kept when there is nothing to do."""
    buffer_containers: int = 0
    """Kept beyond those that are busy, while there is something to do."""
    max_containers: int | None = None
    regions: tuple[str, ...] = ()
    """Where containers may run, by Modal's names of regions; anywhere where it is empty."""
    gpu: str | tuple[str, ...] | None = None
    """In place of the mark's."""
    gpu_snapshot: bool = False
    """Whether containers with a GPU start from a snapshot of its memory, which Modal calls experimental."""

    def gpus(self, spec: FunctionSpec) -> tuple[str, ...]:
        """The GPUs that the function runs on, the best one first; none where it needs none."""
        return spec.gpus if self.gpu is None else (self.gpu,) if isinstance(self.gpu, str) else self.gpu

    def snapshots(self, spec: FunctionSpec) -> bool:
        """Whether its containers start from a snapshot of the memory."""
        return self.gpu_snapshot or not self.gpus(spec)


def read_settings(
    configuration: Configuration, installed: Sequence[FunctionSpec]
) -> Mapping[str, FunctionSettings]:
    """The settings by the functions' names; those without any are not in it. Raises InvalidInput."""
    path = configuration.functions or configuration.data / FILE
    try:
        written = msgspec.toml.decode(path.read_bytes(), type=dict[str, FunctionSettings])
    except FileNotFoundError:
        if configuration.functions is None:
            return {}
        raise InvalidInput(f"{path}, which SKYHOOK_FUNCTIONS names, is not there.") from None
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}.") from error
    found = {}
    for name, settings in written.items():
        try:
            spec = named(name, installed)
            _check(spec, settings)
        except InvalidInput as error:
            raise InvalidInput(f"{path}: {error.message}") from None
        found[spec.name] = settings
    return found


def _check(spec: FunctionSpec, settings: FunctionSettings) -> None:
    least, most = settings.min_containers, settings.max_containers
    if least < 0 or settings.buffer_containers < 0 or (most is not None and most < 1):
        raise InvalidInput(f"{spec.name} cannot have fewer than 0 containers, and at most 1 or more.")
    if spec.stateful and max(least, settings.buffer_containers, most or 1) > 1:
        raise InvalidInput(f"{spec.name} is stateful: it has one container at most.")
    if most is not None and least > most:
        raise InvalidInput(f"{spec.name} cannot have {least} containers at least and {most} at most.")
    if spec.pool is not None and least:
        raise InvalidInput(
            f"{spec.name} has containers for each {spec.pool}: keep some by `functions warm --pool`."
        )
    if spec.isolated and settings != FunctionSettings(regions=settings.regions):
        raise InvalidInput(
            f"{spec.name} runs each call in a sandbox of its own: it can be given regions only."
        )
    if settings.gpu_snapshot and not settings.gpus(spec):
        raise InvalidInput(f"{spec.name} has no GPU to take a snapshot of.")
