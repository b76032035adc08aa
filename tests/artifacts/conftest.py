"""The service of artifacts over an empty database and a folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from skyhook.artifacts.service import Artifacts
from skyhook.configuration import Configuration
from skyhook.database import Database

SECRET = b"s" * 32
MakeArtifacts = Callable[..., Artifacts]


@pytest.fixture
def make_artifacts(database: Database, tmp_path: Path) -> MakeArtifacts:
    """Makes a service, with settings that differ from the defaults."""

    def make(**settings: object) -> Artifacts:
        configuration = Configuration(tmp_path, 0, "127.0.0.1", "sqlite://", **settings)  # type: ignore[arg-type]
        return Artifacts(database, configuration, SECRET)

    return make


@pytest.fixture
def artifacts(make_artifacts: MakeArtifacts) -> Artifacts:
    return make_artifacts()


@pytest.fixture
def files(tmp_path: Path) -> Callable[[], list[Path]]:
    """Every file that the store has now."""
    return lambda: [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
