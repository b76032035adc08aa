"""The modules to learn from: Python's standard library (PSF licence) and the installed packages of `sources.py`.

Nothing of a package that is held out is trained, neither the model nor the tokenizer nor the n-grams that it is
compared with; nor is a module that resembles one of it. Of modules that resemble each other one is kept. Tests,
tables, what a program has written and bundled copies are left out.
"""

import re
import sysconfig
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path, PurePath

from skyhook_functions.training.code.sources import SOURCES

STDLIB = Path(sysconfig.get_path("stdlib"))
LEFT_OUT = frozenset({
    "site-packages", "dist-packages", "test", "tests", "testing", "idle_test", "idlelib", "lib2to3", "turtledemo", "ensurepip",
    "encodings", "pydoc_data", "lib-dynload", "__pycache__", "entities.py", "stringprep.py", "_vendor", "vendor", "vendored",
    "_vendored", "typeshed", "libs", "unistring.py", "_emoji_codes.py", "_generated",
})  # fmt: skip
WRITTEN = re.compile(r"_pb2\w*\.py$|_grpc\.py$|^lextab\.py$|^yacctab\.py$|^_mapping\.py$|^_builtins\.py$")
GENERATED = re.compile(r"generated (by|from|code)|auto-?generated|do not (edit|modify)", re.IGNORECASE)
MOST_OF_PACKAGE = 2_000_000  # characters, so that no package is most of what is learned
LONGEST_MODULE = 200_000  # characters; longer ones are mostly tables
WIDEST = 70  # characters of a line, on average; wider ones are mostly tables
HEAD = 10  # lines in which a comment says that a program has written the module
LINES = 3  # in a row, that two modules must share to be alike there
ALIKE = 0.4  # share of them that an earlier module has, from which on a module resembles it


@dataclass(frozen=True)
class Module:
    """A source file, named by its path below the library, or below where packages are."""

    name: str
    text: str
    is_held_out: bool = False
    """Whether it is kept for the evaluation."""


class SourcesMissing(Exception):
    """Packages to learn from are not installed."""


@cache
def modules() -> tuple[Module, ...]:
    """Every module to learn from or to evaluate on. Raises SourcesMissing."""
    held: list[Module] = []
    learned = [Module(name, text) for name, text in _written_by_hand(_stdlib())]
    missing = []
    for source in SOURCES:
        try:
            files = _package(source.name)
        except PackageNotFoundError:
            missing.append(source.name)
            continue
        found = [Module(name, text, source.is_held_out) for name, text in _written_by_hand(files)]
        (held if source.is_held_out else learned).extend(some(found))
    if missing:
        raise SourcesMissing(f"Packages to learn from are missing: pip install {' '.join(missing)}")
    return tuple(unlike([*held, *learned]))


def trained() -> list[Module]:
    """The modules to learn from."""
    return [module for module in modules() if not module.is_held_out]


def held_out() -> list[Module]:
    """The modules to evaluate on."""
    return [module for module in modules() if module.is_held_out]


def unlike(found: Iterable[Module]) -> Iterator[Module]:
    """Those that do not resemble the modules before them: by how many runs of lines they have of them."""
    seen: set[int] = set()
    for module in found:
        runs = _runs(module.text)
        if len(runs & seen) <= ALIKE * len(runs):
            yield module
        seen |= runs


def _runs(text: str) -> set[int]:
    """Each run of a few lines, without indentation, comments and empty ones."""
    lines = [line for line in map(str.strip, text.split("\n")) if line and not line.startswith("#")]
    return {hash(tuple(lines[at : at + LINES])) for at in range(max(1, len(lines) - LINES + 1))}


def _stdlib() -> list[tuple[PurePath, Path]]:
    found = [(path.relative_to(STDLIB), path) for path in STDLIB.rglob("*.py")]
    return [(name, path) for name, path in found if not name.parts[0].startswith("config-")]


def _package(name: str) -> list[tuple[PurePath, Path]]:
    """The modules of an installed distribution. Raises PackageNotFoundError."""
    return [
        (file, Path(str(file.locate()))) for file in distribution(name).files or [] if ".." not in file.parts
    ]


def some(found: Iterable[Module]) -> list[Module]:
    """Of the modules of a package so many as one may have, chosen by the checksums of their names."""
    kept, size = [], 0
    for module in sorted(found, key=lambda module: zlib.crc32(module.name.encode())):
        if size + len(module.text) <= MOST_OF_PACKAGE:
            kept.append(module)
            size += len(module.text)
    return sorted(kept, key=lambda module: module.name)


def _written_by_hand(files: Iterable[tuple[PurePath, Path]]) -> Iterator[tuple[str, str]]:
    """Names and texts of those files that are code by a person."""
    for name, path in sorted(files):
        if name.suffix == ".py" and not (LEFT_OUT & set(name.parts)) and not WRITTEN.search(name.name):
            text = path.read_text(encoding="utf-8", errors="ignore")
            if is_written_by_hand(text):
                yield name.as_posix(), text


def is_written_by_hand(text: str) -> bool:
    """Whether a text is code by a person and no table, judged by its length, its lines and its head."""
    lines = [line for line in text.split("\n") if line.strip()]
    return (
        bool(lines)
        and len(text) <= LONGEST_MODULE
        and sum(map(len, lines)) <= WIDEST * len(lines)
        and not any(line.startswith("#") and GENERATED.search(line) for line in lines[:HEAD])
    )
