"""The references are whole: error codes, commands and variables are those of the code, no others."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.docs.blocks import PAGES, ROOT, prose
from tests.docs.commands import command, command_lines

import skyhook
from skyhook.compute.errors import FunctionReported
from skyhook.errors import SkyhookError
from skyhook.graphql.errors import internal_refusal
from skyhook.plugins.host import PluginHost
from skyhook.plugins.settings import settings_of
from skyhook.webhooks.events import EVENT_TYPES

ROW = re.compile(r"^\| `([A-Z][A-Z_]+)` \| (\d{3}) \| (yes|no) \|", re.MULTILINE)
RUNS_WHEN_IMPORTED = {"skyhook.__main__", "skyhook.migrations.env"}


def documented() -> dict[str, tuple[int, str]]:
    """The rows of docs/errors.md: status and `retryable` by code."""
    rows = ROW.findall((ROOT / "docs" / "errors.md").read_text())
    assert len({code for code, _, _ in rows}) == len(rows), "a code is there twice"
    return {code: (int(status), retryable) for code, status, retryable in rows}


def codes_of_classes() -> dict[str, tuple[int, str]]:
    """The codes of every subclass of SkyhookError in the core and the built-in plugins."""
    built_in = [
        plugin.query.__module__.split(".")[0] for plugin in PluginHost.discover().loaded if plugin.query
    ]
    for package in ("skyhook", *built_in):
        path = importlib.import_module(package).__path__
        for module in pkgutil.walk_packages(path, f"{package}."):
            if module.name not in RUNS_WHEN_IMPORTED:
                importlib.import_module(module.name)
    packages = {"skyhook", *built_in}
    return {
        kind.code: (kind.status, "yes" if kind.retryable else "no")
        for kind in subclasses(SkyhookError)
        if kind.__module__.split(".")[0] in packages and kind.code != SkyhookError.code
    }


def subclasses(kind: type[SkyhookError]) -> set[type[SkyhookError]]:
    below = set(kind.__subclasses__())
    return below.union(*(subclasses(one) for one in below))


def codes_of_functions() -> dict[str, tuple[int, str]]:
    """The code of every `FunctionError(...)` in the functions and the built-in plugins."""
    files = [*(ROOT / "functions").rglob("*.py"), *(ROOT / "plugins").rglob("skyhook_*/**/*.py")]
    found = {}
    for node in (node for file in files for node in ast.walk(ast.parse(file.read_text()))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "FunctionError":
            code = ast.literal_eval(node.args[0])
            is_retryable = any(keyword.arg == "retryable" for keyword in node.keywords)
            found[code] = (FunctionReported.status, "yes" if is_retryable else "no")
    return found


def test_every_error_code_is_documented_with_its_status_and_whether_to_retry() -> None:
    expected = codes_of_functions() | codes_of_classes()
    refusal = internal_refusal(RuntimeError("the cause"), "a-request")
    assert refusal.errors[0]["extensions"]["retryable"]
    expected["INTERNAL_ERROR"] = (refusal.cause.status, "yes")
    assert documented() == expected


def test_every_command_is_in_the_operators_guide() -> None:
    text = (ROOT / "docs" / "operators.md").read_text()
    named = {line for line in command_lines() if re.search(rf"`{line}[ `]", text)}
    assert named == command_lines()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_a_command_named_in_a_sentence_exists(page: Path) -> None:
    for line in re.findall(r"`skyhook ((?:[a-z]+ ?)[^`]*)`", prose(page)):
        command(line.split(), f"{page.name}: {line}")


def test_the_variables_of_the_operators_guide_are_those_of_the_core_and_of_the_built_in_plugins() -> None:
    source = Path(skyhook.__path__[0], "configuration.py").read_text()
    rows = re.findall(r"^\| `(SKYHOOK_\w+)` \|", (ROOT / "docs" / "operators.md").read_text(), re.MULTILINE)
    of_plugins = {
        setting.variable for plugin in PluginHost.discover().loaded for setting in settings_of(plugin)
    }
    assert set(rows) == set(re.findall(r'environ\.get\("(SKYHOOK_\w+)"\)', source)) | of_plugins


def test_the_events_of_the_api_guide_are_those_that_are_published() -> None:
    text = (ROOT / "docs" / "api.md").read_text()
    assert set(re.findall(r"^\| `(\w+\.\w+)` \| ", text, re.MULTILINE)) == EVENT_TYPES.keys()


def test_the_reference_of_the_plugin_contract_is_that_of_the_code() -> None:
    script = [sys.executable, ROOT / "bin" / "plugin-reference"]
    made = subprocess.run(script, capture_output=True, text=True, check=True).stdout
    current = (ROOT / "docs" / "plugin-reference.md").read_text()
    assert current == made, "run bin/plugin-reference > docs/plugin-reference.md"


def test_every_folder_of_the_core_is_in_the_architecture() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    folders = {path.parent.name for path in Path(skyhook.__path__[0]).glob("*/__init__.py")}
    assert {name for name in folders if f"`platform/skyhook/{name}/`" not in text} == set()
