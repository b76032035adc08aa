"""What every sandbox runs, whatever isolates it: the words, and the descriptors that they read."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from contextlib import ExitStack
from math import ceil
from pathlib import PurePosixPath

from skyhook_functions.code.languages import LANGUAGES, SEARCH_PATH
from skyhook_functions.code.messages import RunRequest

HOME = "/home/code"
"""The program's folder, and the current one when it starts."""
OUTPUT = "out"
"""Its folder of files to give back."""
TEMPORARY = "/home/tmp"
DISK_BYTES = 64 << 20
"""Of all files together; they lie in memory."""
MOST_FILES = 10_000
"""Files and folders: each takes memory that the size of the disk does not count."""
MOST_PROCESSES = 64
"""Processes and threads."""
MOST_OPEN_FILES = 128
NOBODY = 65534
"""Whom programs run as where the worker is root. With root's id, even without its powers, a program could
write what the kernel lets root write, such as the settings below /proc/sys.
"""
VARIABLES = {
    "HOME": HOME,
    "LANG": "C.UTF-8",
    "PATH": SEARCH_PATH,
    "PYTHONDONTWRITEBYTECODE": "1",
    "PYTHONUNBUFFERED": "1",
    "TMPDIR": TEMPORARY,
}
PROGRAM = f"{TEMPORARY}/program"
START = """\
status=$1 go=$2 words=$3
shift 3
compiler=("${@:1:words}")
shift "$words"
printf r >&$status
read -r <&$go || exit 1
exec {go}<&-
if ((words)); then
  "${compiler[@]}" {status}>&- >&2 || { printf f >&$status; exit 1; }
fi
printf s >&$status
exec {status}>&-
exec "$@"
"""
"""What runs before the program: says that it is ready, waits for the word, compiles, and says how it went."""


class Contents:
    """Descriptors from which contents can be read, and to which nothing can be written."""

    def __init__(self) -> None:
        self._opened = ExitStack()

    def of(self, content: bytes) -> int:
        """One with that content."""
        descriptor = os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._opened.callback(os.close, descriptor)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        return descriptor

    def close(self) -> None:
        """Closes them: the process that was started has its own by then."""
        self._opened.close()


def started(request: RunRequest, status: int, go: int) -> tuple[str, ...]:
    """The words that keep the limits of one process, and begin with `START`."""
    return (
        *_limits(request),
        "--",
        *("/usr/bin/bash", "-c", START, "start", str(status), str(go)),
        *_program(request),
    )


def check_path(path: str) -> bool:
    """Whether a path names a file below the program's folder, and nothing else."""
    parts = PurePosixPath(path).parts
    return (
        1 <= len(path) <= 200
        and path.isprintable()
        and str(PurePosixPath(path)) == path
        and not path.startswith("/")
        and ".." not in parts
        and parts != (OUTPUT,)
    )


def clash(paths: Sequence[str]) -> str | None:
    """A path that two files have, or that is a file's as well as another one's folder; None where none is."""
    folders = {str(folder) for path in paths for folder in PurePosixPath(path).parents}
    return next((path for path in paths if path in folders or paths.count(path) > 1), None)


def _limits(request: RunRequest) -> tuple[str, ...]:
    """Set inside, so that processes are counted for this sandbox alone; the kernel holds them."""
    return (
        "/usr/bin/prlimit",
        f"--nproc={MOST_PROCESSES}",
        f"--nofile={MOST_OPEN_FILES}",
        f"--data={request.memory_mib << 20}",
        f"--fsize={DISK_BYTES}",
        f"--cpu={ceil(request.seconds) + 1}",
        "--core=0",
        f"--stack={8 << 20}",
    )


def _program(request: RunRequest) -> tuple[str, ...]:
    """How many words the compiler's command has, these words, and those of the program's command."""
    language = LANGUAGES[request.language]
    found = str(language.found())
    main = f"{HOME}/{request.files[0].path}"
    if language.is_compiled:
        sources = [f"{HOME}/{file.path}" for file in request.files if file.path.endswith(".c")]
        compiler = (found, "-O1", "-o", PROGRAM, *sources, "-lm")
        return (str(len(compiler)), *compiler, PROGRAM, *request.arguments)
    options = (
        (f"--max-old-space-size={ceil(request.memory_mib * 0.75)}",) if language.program == "node" else ()
    )
    return ("0", found, *options, main, *request.arguments)
