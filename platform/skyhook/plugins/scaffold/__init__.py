"""Writes a new plugin: a complete small one, with tests that pass at once."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from skyhook.errors import InvalidInput
from skyhook.plugins.checks import check
from skyhook.plugins.errors import PluginBroken
from skyhook.plugins.manifest import Plugin

SUFFIX = ".tmpl"
SHOWN = {"gitignore": ".gitignore"}
"""Files of the template that would mean something where they lie."""


def write_plugin(name: str, folder: Path) -> list[Path]:
    """Writes a plugin of this name into a folder that is new or empty; the files.

    Raises InvalidInput for a name that no plugin can have, or a folder with something in it.
    """
    try:
        check(Plugin(name=name, version="0.1.0", title=name))
    except PluginBroken as error:
        raise InvalidInput(f"A plugin cannot be called {name!r}: {error.reason}.", field="name") from error
    if folder.exists() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} has something in it: name another folder.", field="folder")
    written: list[Path] = []
    _write(resources.files(__package__) / "template", folder, name, written)
    return written


def _write(source: Traversable, target: Path, name: str, written: list[Path]) -> None:
    target.mkdir(parents=True, exist_ok=True)
    for item in sorted(source.iterdir(), key=lambda one: one.name):
        here = _named(item.name.removesuffix(SUFFIX), name)
        if item.is_dir():
            _write(item, target / here, name, written)
        else:
            path = target / SHOWN.get(here, here)
            path.write_text(_named(item.read_text(), name))
            written.append(path)


def _named(text: str, name: str) -> str:
    return (
        text.replace("plugname", name)
        .replace("Plugname", name.capitalize())
        .replace("PLUGNAME", name.upper())
    )
