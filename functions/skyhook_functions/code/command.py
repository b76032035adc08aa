"""The command that runs a program under bubblewrap, and the descriptors that it reads."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from math import ceil
from pathlib import Path, PurePosixPath

from skyhook_functions.code.languages import LANGUAGES, SEARCH_PATH, SYSTEM_FOLDERS
from skyhook_functions.code.messages import File, RunRequest

HOME = "/home/code"
"""The program's folder, and the current one when it starts."""
OUTPUT = "out"
"""Its folder of files to give back."""
TEMPORARY = "/home/tmp"
DISK_BYTES = 64 << 20
"""Of all files together; they lie in memory."""
MOST_PROCESSES = 64
"""Processes and threads."""
MOST_OPEN_FILES = 128
DEVICES = ("null", "zero", "full", "random", "urandom")
ACCOUNTS = {
    "/etc/passwd": f"code:x:1000:1000::{HOME}:/bin/bash\n",
    "/etc/group": "code:x:1000:\n",
}
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


@dataclass(frozen=True, slots=True)
class Channels:
    """The sandbox's ends of what it is started by."""

    info: int
    """Where bubblewrap tells the process id of the sandbox's first process."""
    status: int
    """Where the start tells how far it is."""
    go: int
    """Where it waits for a line."""


class Command:
    """The words of a command, with the descriptors that it inherits; closing it closes those it made."""

    def __init__(self, bubblewrap: Path, request: RunRequest, filters: Sequence[bytes], to: Channels) -> None:
        self._opened = ExitStack()
        self.descriptors = [to.info, to.status, to.go]
        self.stdin = self._content(request.stdin)
        self.words = [
            *(str(bubblewrap), *_isolation(), *_system()),
            *self._files(request.files),
            *self._filters(filters),
            *("--info-fd", str(to.info), "--chdir", HOME),
            *("--", *_limits(request), "--"),
            *("/usr/bin/bash", "-c", START, "start", str(to.status), str(to.go)),
            *_program(request),
        ]

    def close(self) -> None:
        """Closes the descriptors of contents: the process that was started has its own by then."""
        self._opened.close()

    def _files(self, files: Sequence[File]) -> Iterator[str]:
        yield from ("--size", str(DISK_BYTES), "--tmpfs", "/home")
        for folder in (HOME, f"{HOME}/{OUTPUT}", TEMPORARY):
            yield from ("--dir", folder)
        for file in files:
            yield from (
                "--perms",
                "0644",
                "--file",
                str(self._inherited(file.content)),
                f"{HOME}/{file.path}",
            )
        for path, text in ACCOUNTS.items():
            yield from ("--ro-bind-data", str(self._inherited(text.encode())), path)
        yield from ("--remount-ro", "/")

    def _filters(self, filters: Sequence[bytes]) -> Iterator[str]:
        for one in filters:
            yield from ("--add-seccomp-fd", str(self._inherited(one)))

    def _inherited(self, content: bytes) -> int:
        descriptor = self._content(content)
        self.descriptors.append(descriptor)
        return descriptor

    def _content(self, content: bytes) -> int:
        """A descriptor from which the content can be read, and to which nothing can be written."""
        descriptor = os.memfd_create("content", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        self._opened.callback(os.close, descriptor)
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(descriptor, rest) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        seals = fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL
        fcntl.fcntl(descriptor, fcntl.F_ADD_SEALS, seals)
        return descriptor


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


def _isolation() -> tuple[str, ...]:
    return (
        *("--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session"),
        *("--cap-drop", "ALL", "--uid", "1000", "--gid", "1000", "--hostname", "sandbox", "--clearenv"),
        *(word for name, value in VARIABLES.items() for word in ("--setenv", name, value)),
    )


def _system() -> Iterator[str]:
    for folder in SYSTEM_FOLDERS:
        yield from ("--ro-bind-try", folder, folder)
    for name in ("bin", "lib", "lib32", "lib64"):
        if os.path.exists(f"/usr/{name}"):
            yield from ("--symlink", f"usr/{name}", f"/{name}")
    yield from ("--proc", "/proc")
    for name in DEVICES:
        yield from ("--dev-bind", f"/dev/{name}", f"/dev/{name}")
    yield from ("--symlink", "/proc/self/fd", "/dev/fd")
    for link in ("/tmp", "/dev/shm"):  # noqa: S108 - these are the sandbox's own
        yield from ("--symlink", TEMPORARY, link)


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
        "--msgqueue=0",
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
