"""What the code functions take and give: the structs that they share with the plugin `code`."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

LanguageName = Literal["python", "javascript", "c", "shell"]
StreamName = Literal["stdout", "stderr"]
LimitName = Literal["time", "cpu", "memory", "files", "output"]

LONGEST_S = 120
LEAST_MEMORY_MIB = 32
MOST_MEMORY_MIB = 1024
MOST_OUTPUT_BYTES = 1 << 20
"""Of standard output and standard error together."""
MOST_INPUT_FILES = 64
MOST_INPUT_BYTES = 16 << 20
MOST_MADE_FILES = 32
MOST_MADE_BYTES = 16 << 20


class File(Struct, frozen=True):
    """A file by its path below the program's folder, such as `data/table.csv`."""

    path: str
    content: bytes


class RunRequest(Struct, frozen=True, kw_only=True):
    """A program and what it may use. The first of the files is the main one."""

    language: LanguageName
    files: Annotated[list[File], Meta(min_length=1, max_length=MOST_INPUT_FILES)]
    arguments: list[str] = []
    stdin: bytes = b""
    seconds: Annotated[float, Meta(gt=0, le=LONGEST_S)] = 10.0
    """Of time on the clock, and of CPU time that all its processes take together."""
    memory_mib: Annotated[int, Meta(ge=LEAST_MEMORY_MIB, le=MOST_MEMORY_MIB)] = 256
    """For each of its processes, and for all of them together."""


class Part(Struct, frozen=True, omit_defaults=True, tag="part"):
    """What the program printed. An empty one says only that it runs, so that the stream can be closed."""

    stream: StreamName
    content: bytes
    elapsed_ms: int
    """Since the program was started."""


class Made(Struct, frozen=True, tag="made"):
    """A file that the program left in its output folder."""

    file: File


class LeftOut(Struct, frozen=True):
    """Something in the output folder that is not given back, and why."""

    path: str
    reason: str


class Ended(Struct, frozen=True, kw_only=True, tag="ended"):
    """How the run ended; the last event."""

    compiled: bool
    """False where the compiler refused the program: its messages are in standard error."""
    exit_code: int | None
    """None where a limit or a signal ended it."""
    signal: str | None
    """Such as "SIGSEGV". As in a shell: a program that itself exits with 128 + n looks the same."""
    limit: LimitName | None
    """The limit that ended it."""
    duration_ms: int
    left_out: list[LeftOut]


RunEvent: TypeAlias = Part | Made | Ended
"""What a run yields: any number of parts, then the files that it made, then one `Ended`."""
