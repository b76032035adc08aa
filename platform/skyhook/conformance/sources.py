"""Checks of a plugin's source: what it imports. Imports that are computed at run time are not seen."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path

from skyhook.conformance.subject import Subject
from skyhook.function import spec_of
from skyhook.plugins.manifest import Plugin

OF_PLUGINS = ("skyhook.plugin", "skyhook.function")
OF_FUNCTIONS = ("skyhook.function",)


def imports_what_it_may(subject: Subject) -> Iterator[str]:
    """A plugin imports `skyhook.plugin` and its own functions; a function `skyhook.function`."""
    own = _function_packages([subject.plugin])
    foreign: dict[str, str] = {}
    for other in subject.others:
        for package in _function_packages([other]) - own:
            foreign.setdefault(package, f"the functions of {other.name}")
    foreign |= {package: f"the plugin {name}" for name, package in subject.packages_of_others.items()}
    foreign["skyhook_console"] = "the console"
    for path in _files(subject.package):
        for line, module in _imports(path):
            if _is_of(module, ["skyhook"]) and not _is_of(module, OF_PLUGINS):
                yield f"{path.name}:{line} imports {module}: a plugin imports skyhook.plugin only"
            for package, whose in foreign.items():
                if _is_of(module, [package]) and package != subject.package:
                    yield f"{path.name}:{line} imports {module}, which is of {whose}"
    for package in sorted(own):
        for path in _files(package):
            for line, module in _imports(path):
                if _is_of(module, ["skyhook"]) and not _is_of(module, OF_FUNCTIONS):
                    yield f"{path.name}:{line} imports {module}: a function imports skyhook.function only"


def _function_packages(plugins: Iterable[Plugin]) -> set[str]:
    """Where functions lie: the package of a function's module, or the module where it has none."""
    modules = {
        spec_of(function).name.partition(":")[0] for plugin in plugins for function in plugin.functions
    }
    return {module.rpartition(".")[0] or module for module in modules}


def _files(package: str) -> list[Path]:
    spec = find_spec(package)
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin else []
    return sorted(path for place in spec.submodule_search_locations for path in Path(place).rglob("*.py"))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Each absolute import of a file with its line, as the dotted name of what is imported."""
    for node in ast.walk(ast.parse(path.read_text(), filename=str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            if "." in node.module:
                yield node.lineno, node.module
            else:
                for alias in node.names:
                    yield node.lineno, f"{node.module}.{alias.name}"


def _is_of(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
