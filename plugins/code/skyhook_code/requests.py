"""What is asked to be run, as it is kept under an idempotency key."""

from __future__ import annotations

from math import ceil
from uuid import UUID

from msgspec import Struct

from skyhook_code.meters import SANDBOX_MS
from skyhook_functions.code.messages import LanguageName


class GivenFile(Struct, frozen=True):
    """A file of a program: its text, or the artifact that is its content."""

    path: str
    text: str = ""
    artifact: UUID | None = None


class Run(Struct, frozen=True, kw_only=True):
    """A request for one run; it holds everything that determines it. The first file is the main one."""

    language: LanguageName
    files: list[GivenFile]
    arguments: list[str]
    stdin: str
    seconds: float
    memory_mib: int

    @property
    def at_most(self) -> dict[str, int]:
        """An upper bound of each meter."""
        return {SANDBOX_MS: ceil(self.seconds * 1000)}
