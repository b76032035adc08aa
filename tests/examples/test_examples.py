"""The plugins of `examples/`, which are no part of the workspace: their own tests, on their own servers."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from tests.plugins.wheels import example
from tests.serving import ROOT, Server

EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/pyproject.toml"))


@pytest.mark.parametrize("folder", EXAMPLES, ids=lambda folder: folder.name)
def test_an_example_passes_its_own_tests(folder: Path) -> None:
    variables = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=folder,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_live_on_the_command_line(tmp_path: Path) -> None:
    server = Server(tmp_path / "data", environment={"HF_HUB_OFFLINE": "1"})
    server.prepare()

    def plugins(*words: str) -> str:
        return server.command("plugins", *words)

    for name in ("units", "embeddings"):
        first, second = example(name, tmp_path / name)
        plugins("install", str(first), "--yes")
        upgraded = plugins("upgrade", name, str(second), "--yes")
        assert f"More {name} ({name} 0.2.0)" in upgraded
        assert f"{name[0].upper()}{name[1:]} ({name} 0.1.0)" in plugins("rollback", "--yes")
    shutil.rmtree(server.data / "plugins")
    assert "units" not in plugins("list")
    plugins("sync", "--yes")
    server.start()
    assert server.graphql('mutation { unitsConvert(value: 20, unit: "degC", to: "degF") }')["data"] == {
        "unitsConvert": 68.0
    }
    assert server.graphql('mutation { embeddingsAdd(texts: ["Cats sleep."]) }')["data"] == {
        "embeddingsAdd": 1
    }
    server.stop()
    plugins("remove", "units", "--yes")
    assert "deleted embeddings_documents" in plugins("remove", "embeddings", "--purge", "--yes")
    assert "units" not in (left := plugins("list"))
    assert "embeddings" not in left


def test_examples_are_found() -> None:
    assert {folder.name for folder in EXAMPLES} == {"units", "embeddings"}
