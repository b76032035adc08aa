"""The languages that a sandbox can run, and where this machine has their programs."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from skyhook_functions.code.messages import LanguageName

SYSTEM_FOLDERS = (
    "/usr/bin",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libexec",
    "/usr/include",
    "/usr/local/bin",
    "/usr/local/lib",
    "/usr/share/nodejs",
    "/usr/share/zoneinfo",
)
"""What a program sees of the machine, read-only. A language lies within them, or it is not available."""
SEARCH_PATH = "/usr/local/bin:/usr/bin"


@dataclass(frozen=True, slots=True)
class Language:
    """How programs of a language are run."""

    name: LanguageName
    title: str
    main: str
    """The name of the main file, unless the caller has another one."""
    program: str
    """The interpreter or compiler."""
    package: str
    """Debian's package of it."""
    is_compiled: bool = False

    def found(self) -> Path | None:
        """Where the program is, as sandboxed programs see it; None where this machine has none for them."""
        path = shutil.which(self.program, path=SEARCH_PATH)
        if path is None:
            return None
        real = os.path.realpath(path)
        return Path(path) if any(real.startswith(f"{folder}/") for folder in SYSTEM_FOLDERS) else None


LANGUAGES: dict[LanguageName, Language] = {
    language.name: language
    for language in (
        Language("python", "Python", "main.py", "python3", "python3"),
        Language("javascript", "JavaScript", "main.js", "node", "nodejs"),
        Language("c", "C", "main.c", "gcc", "gcc libc6-dev", is_compiled=True),
        Language("shell", "Shell (bash)", "main.sh", "bash", "bash"),
    )
}
