"""Trainings in this process, with the probe's training of a line, and what is told meanwhile."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from skyhook.catalogue.service import Catalogue
from skyhook.compute.backend import Compute
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.plugins.host import PluginHost
from skyhook.plugins.manifest import Plugin
from skyhook.training.service import Trainings
from skyhook.training.store import CheckpointStore

MODEL = "probe-line"


def probe() -> Plugin:
    """The probe plugin."""
    from skyhook_probe import plugin

    return plugin


async def nothing() -> None:
    """No prices are read."""


@dataclass
class Bench:
    """What a command would have."""

    data: Path
    database: Database
    compute: Compute
    store: CheckpointStore
    where: str = "local"
    lines: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.catalogue = Catalogue(self.database, nothing)
        host = PluginHost([probe()])
        self.catalogue.bring(host.loaded)
        self.configuration = Configuration(
            data=self.data, port=8000, host="127.0.0.1", database_url="sqlite://", compute=self.where
        )
        self.trainings = Trainings(
            self.configuration, host, self.catalogue, self.compute, self.store, self.lines.append
        )

    async def train(self, *, steps: int | None = None, anew: bool = False) -> Any:
        """Trains the line."""
        return await self.trainings.train(MODEL, steps=steps, anew=anew)

    def run(self) -> dict[str, Any] | None:
        """What is noted of the run."""
        path = self.data / "training" / f"{MODEL}.json"
        return json.loads(path.read_text()) if path.exists() else None

    @property
    def told(self) -> str:
        """All that was told."""
        return "\n".join(self.lines)


async def until(condition: Callable[[], Any], within_s: float = 30.0) -> Any:
    """What the condition gives once it holds; fails where it does not in time."""
    async with asyncio.timeout(within_s):
        while not (found := condition()):  # noqa: ASYNC110 (nothing tells of what other processes do)
            await asyncio.sleep(0.01)
    return found


def orders(path: Path) -> Callable[..., None]:
    """Tells trainings what to do: those whose environment names the path."""

    def give(**given: Any) -> None:
        beside = path.with_suffix(".new")
        beside.write_text(json.dumps(given))
        beside.replace(path)

    return give
