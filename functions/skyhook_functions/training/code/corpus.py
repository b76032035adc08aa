"""The sources to learn from: Python's own standard library, which is wherever Python is (PSF licence).

Tests, tables and bundled wheels are left out. One module in ten is held out, by the checksum of its name: nothing
of it is trained, neither the model nor the tokenizer nor the n-grams that it is compared with.
"""

import sysconfig
import zlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

STDLIB = Path(sysconfig.get_path("stdlib"))
LEFT_OUT = frozenset({
    "site-packages", "dist-packages", "test", "tests", "idle_test", "idlelib", "lib2to3", "turtledemo", "ensurepip",
    "encodings", "pydoc_data", "lib-dynload", "__pycache__", "entities.py", "stringprep.py",
})  # fmt: skip
HELD_OUT = 10  # one module in so many


@dataclass(frozen=True)
class Module:
    """A source file, named by its path below the library."""

    name: str
    text: str

    @property
    def is_held_out(self) -> bool:
        """Whether it is kept for the evaluation."""
        return zlib.crc32(self.name.encode()) % HELD_OUT == 0


@cache
def modules() -> tuple[Module, ...]:
    """Every module that is neither empty nor left out, by name."""
    paths = sorted(STDLIB.rglob("*.py"))
    names = [path.relative_to(STDLIB) for path in paths]
    found = [
        Module(name.as_posix(), path.read_text(encoding="utf-8", errors="ignore"))
        for path, name in zip(paths, names, strict=True)
        if not (LEFT_OUT & set(name.parts)) and not any(part.startswith("config-") for part in name.parts)
    ]
    return tuple(module for module in found if module.text.strip())


def trained() -> list[Module]:
    """The modules to learn from."""
    return [module for module in modules() if not module.is_held_out]


def held_out() -> list[Module]:
    """The modules to evaluate on."""
    return [module for module in modules() if module.is_held_out]
