"""The versions of models that were trained here: published whole or not at all, and taken back."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from skyhook.catalogue.errors import ModelChanged, ModelNotFound
from skyhook.catalogue.models import TrainedVersion
from skyhook.clock import now
from skyhook.database import Database
from skyhook.function import Score


class Versions:
    """What was published, in the database; the weights lie in folders `NAME@VERSION` of the models."""

    def __init__(self, database: Database, changed: Callable[[], None]) -> None:
        """`changed` is called after what is current has changed."""
        self._database = database
        self._changed = changed

    async def current(self) -> dict[str, TrainedVersion]:
        """The version that each model is called by, by the model's name."""
        async with self._database.read() as session:
            query = select(TrainedVersion).where(TrainedVersion.withdrawn_at.is_(None))
            rows = await session.scalars(query.order_by(TrainedVersion.version))
            return {row.model: row for row in rows}

    async def of(self, model: str) -> Sequence[TrainedVersion]:
        """Every version of a model, withdrawn ones too, the latest first."""
        async with self._database.read() as session:
            query = select(TrainedVersion).where(TrainedVersion.model == model)
            return (await session.scalars(query.order_by(TrainedVersion.version.desc()))).all()

    async def next_number(self, model: str) -> int:
        """The number that the next version gets; none is given twice."""
        async with self._database.read() as session:
            query = select(func.max(TrainedVersion.version)).where(TrainedVersion.model == model)
            return (await session.scalar(query) or 0) + 1

    async def publish(
        self, model: str, version: int, folder: Path, scores: Sequence[Score], *, after: int | None
    ) -> None:
        """Lets the model's name mean the weights in a folder, which is whole by now.

        `after` is the version that they were compared with, None for weights that ship or for nothing.
        Raises ModelChanged where another is current by now, or has got the number: then nothing changes.
        """
        row = TrainedVersion(
            model=model, version=version, location=str(folder), scores=msgspec.json.encode(scores)
        )
        try:
            async with self._database.write() as session:
                current = await session.scalar(
                    select(func.max(TrainedVersion.version)).where(
                        TrainedVersion.model == model, TrainedVersion.withdrawn_at.is_(None)
                    )
                )
                if current != after:
                    raise ModelChanged(
                        f"{model} has changed since the candidate was compared with it: run the training's "
                        "command again, which compares anew."
                    )
                session.add(row)
        except IntegrityError as error:
            raise ModelChanged(
                f"Another version {version} of {model} was published just now: run the training's command "
                "again."
            ) from error
        self._changed()

    async def withdraw(self, model: str) -> TrainedVersion:
        """Takes the current version back: the one before it, or what ships, is called again.

        Raises ModelNotFound where no version is current.
        """
        async with self._database.write() as session:
            query = select(TrainedVersion).where(
                TrainedVersion.model == model, TrainedVersion.withdrawn_at.is_(None)
            )
            row = await session.scalar(query.order_by(TrainedVersion.version.desc()).limit(1))
            if row is None:
                raise ModelNotFound(f"No trained version of {model!r} is published.", field="name")
            row.withdrawn_at = now()
        self._changed()
        return row


def version_folder(models: Path, model: str, version: int) -> Path:
    """Where a version's weights lie: no pulled model can have such a name."""
    return models / f"{model}@{version}"


def take_in(candidate: Path, folder: Path) -> None:
    """Moves weights to where a version's lie; what an interrupted publication left there goes."""
    if folder.exists():
        shutil.rmtree(folder)
    candidate.rename(folder)
