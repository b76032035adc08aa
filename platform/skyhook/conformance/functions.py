"""Checks that a function's module can be imported where its requirements are not installed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from skyhook.conformance.subject import Subject
from skyhook.function import spec_of

IMPORT_S = 60
"""The longest that an import may take."""
HEAVY = frozenset({"torch", "tensorflow", "jax"})
WITH_CONTRACT = frozenset({"msgspec", "typing_extensions"})
"""What importing `skyhook.function` brings along: no module of a function can do without."""
CORE_OF_FUNCTIONS = frozenset({"skyhook", "skyhook.function", "skyhook.machine", "skyhook.network"})
_IMPORT = (
    "import importlib, json, sys; importlib.import_module(sys.argv[1]); print(json.dumps(list(sys.modules)))"
)


def can_be_imported(subject: Subject) -> Iterator[str]:
    """Each function's module is imported in a process of its own, and brings nothing heavy with it."""
    requirements: dict[str, set[str]] = {}
    for function in subject.plugin.functions:
        spec = spec_of(function)
        module = spec.name.partition(":")[0]
        requirements.setdefault(module, set()).update(Requirement(one).name for one in spec.requirements)
    for module, names in requirements.items():
        yield from _import(module, HEAVY | (_modules_of(names) - WITH_CONTRACT))


def _import(module: str, heavy: frozenset[str]) -> Iterator[str]:
    try:
        done = subprocess.run(  # noqa: S603 (a name from the manifest, given as an argument)
            [sys.executable, "-c", _IMPORT, module],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
            timeout=IMPORT_S,
        )
    except subprocess.TimeoutExpired:
        yield f"{module} was not imported within {IMPORT_S} s"
        return
    if done.returncode:
        yield f"{module} cannot be imported: {(done.stderr.strip().splitlines() or ['no reason'])[-1]}"
        return
    imported = set(json.loads(done.stdout.splitlines()[-1]))
    for name in sorted(heavy & imported):
        yield f"importing {module} imports {name}: import it in `load`"
    core = sorted(name for name in imported - CORE_OF_FUNCTIONS if name.startswith("skyhook."))
    if core:
        yield f"importing {module} imports {core[0]}: keep functions in modules of their own"


def _modules_of(distributions: set[str]) -> frozenset[str]:
    wanted = {canonicalize_name(name) for name in distributions}
    return frozenset(
        module
        for module, found in packages_distributions().items()
        if wanted & {canonicalize_name(name) for name in found}
    )
