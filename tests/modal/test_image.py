"""What an image has is all that a container needs: the function's package and the contract, no web code."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from skyhook.compute.modal.installed import SHARED, fingerprint, installed_functions, package_folder
from skyhook.compute.modal.naming import FUNCTION, GPU, SNAPSHOT, class_name
from skyhook.compute.modal.settings import FunctionSettings
from skyhook.function import spec_of
from skyhook_functions.voice.speaker import Speaker

IMPORT = """
import json, sys
import skyhook.compute.modal.app as app
files = {name: getattr(module, "__file__", None) for name, module in sys.modules.items()}
print(json.dumps([sorted(vars(app)), files]))
"""


@pytest.mark.parametrize(
    "name", ["skyhook_functions.chat.local:ChatModel", "skyhook_functions.voice.speaker:Speaker"]
)
def test_the_app_is_imported_from_what_the_image_has_alone(name: str, tmp_path: Path) -> None:
    _write_image(tmp_path)
    done = subprocess.run(
        [sys.executable, "-c", IMPORT],
        env=os.environ
        | {"PYTHONPATH": str(tmp_path), FUNCTION: name, GPU: "", SNAPSHOT: "", "MODAL_IS_REMOTE": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    names, files = json.loads(done.stdout)
    assert class_name(name) in names
    ours = [file for module, file in files.items() if module.startswith("skyhook") and file]
    assert all(file.startswith(str(tmp_path)) for file in ours), ours
    heavy = {"torch", "litestar", "strawberry", "sqlalchemy", "uvicorn", "transformers"}
    assert not heavy & {module.partition(".")[0] for module in files}


def test_an_isolated_call_is_run_from_what_the_image_has_alone_without_modal(tmp_path: Path) -> None:
    _write_image(tmp_path)
    code = """
import json, sys
import skyhook.compute.once, skyhook_functions.code.run
print(json.dumps({name: getattr(module, "__file__", None) for name, module in sys.modules.items()}))
"""
    variables = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=True
    )
    files = json.loads(done.stdout)
    ours = [file for module, file in files.items() if module.startswith("skyhook") and file]
    assert all(file.startswith(str(tmp_path)) for file in ours), ours
    assert not {"modal", "grpclib", "torch"} & {module.partition(".")[0] for module in files}


def test_a_fingerprint_changes_with_the_mark_and_the_settings() -> None:
    spec = spec_of(Speaker)
    usual = FunctionSettings()
    assert fingerprint(spec, usual) == fingerprint(spec, usual)
    assert fingerprint(replace(spec, gpu="L4"), usual) != fingerprint(spec, usual)
    assert fingerprint(spec, FunctionSettings(max_containers=2)) != fingerprint(spec, usual)


def test_no_two_functions_have_the_same_class_on_modal() -> None:
    names = [class_name(spec_of(one).name) for one in installed_functions()]
    assert len(set(names)) == len(names) > 5


def _write_image(root: Path) -> None:
    """What an image has of ours, but for weights."""
    core = package_folder("skyhook")
    for shared in ("__init__.py", *SHARED):
        (shutil.copytree if (core / shared).is_dir() else _copy)(core / shared, root / "skyhook" / shared)
    ignored = shutil.ignore_patterns("weights", "training")
    shutil.copytree(package_folder("skyhook_functions"), root / "skyhook_functions", ignore=ignored)


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
