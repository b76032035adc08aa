"""How functions stand on a backend to which they must be deployed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from skyhook.compute.modal.settings import FunctionSettings
from skyhook.function import FunctionSpec

Drift = Literal["deployed", "changed", "missing", "removed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one function stands."""

    name: str
    """The function's, or the backend's own where no such function is installed any more."""
    drift: Drift
    """`changed`: another version than the installed one is deployed; `removed`: only there."""
    spec: FunctionSpec | None
    settings: FunctionSettings = field(default_factory=FunctionSettings)

    @property
    def gpus(self) -> tuple[str, ...]:
        """Those that it is to run on, the best one first."""
        return () if self.spec is None else self.settings.gpus(self.spec)


@dataclass(frozen=True, slots=True)
class Standings:
    """What a backend says of all functions."""

    functions: Sequence[Standing]
    """The installed ones first; empty where it has never said so."""
    asked_at: datetime | None
    """When it said so."""
    is_late: bool
    """Whether it was asked and did not answer in time: then this is what it said before."""


@runtime_checkable
class Deployed(Protocol):
    """A backend to which functions must be deployed before they can be called."""

    async def standings(self, within_s: float) -> Standings:
        """Asks how the functions stand, and waits so long for the answer."""
        ...
