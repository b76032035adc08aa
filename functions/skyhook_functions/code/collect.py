"""Reads the files that a program left, as if each of them were meant to harm."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

from skyhook_functions.code.command import OUTPUT, check_path
from skyhook_functions.code.messages import MOST_MADE_BYTES, MOST_MADE_FILES, File, LeftOut

DEEPEST = 8
MOST_ENTRIES = 1000
MOST_LEFT_OUT = 32
FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
"""Never through a link, which would lead to files of this machine, and never waiting for a pipe."""


class Collection:
    """The files below the output folder of a sandbox that has ended, by the descriptor of its folder."""

    def __init__(self, folder: int) -> None:
        self.left_out: list[LeftOut] = []
        """What `files` has passed over so far."""
        self._folder = folder
        self._bytes = 0
        self._files = 0
        self._entries = 0

    def files(self) -> Iterator[File]:
        """Each regular file with its path, by name."""
        try:
            output = os.open(OUTPUT, FLAGS | os.O_DIRECTORY, dir_fd=self._folder)
        except OSError:
            return  # the program has removed it or put something else there
        yield from self._below(output, "", 1)

    def _below(self, folder: int, prefix: str, depth: int) -> Iterator[File]:
        try:
            for name in sorted(os.listdir(folder)):
                self._entries += 1
                if self._entries > MOST_ENTRIES:
                    self._leave_out(prefix + name, f"there are more than {MOST_ENTRIES} entries")
                    return
                yield from self._entry(folder, name, prefix + name, depth)
        finally:
            os.close(folder)

    def _entry(self, folder: int, name: str, path: str, depth: int) -> Iterator[File]:
        told = os.stat(name, dir_fd=folder, follow_symlinks=False)
        if not check_path(path) or "\\" in path:
            self._leave_out(path, "its path is longer than 200 characters or cannot be printed")
        elif stat.S_ISDIR(told.st_mode) and depth == DEEPEST:
            self._leave_out(path, f"it is deeper than {DEEPEST} folders")
        elif stat.S_ISDIR(told.st_mode):
            yield from self._below(self._open(folder, name, os.O_DIRECTORY), f"{path}/", depth + 1)
        elif not stat.S_ISREG(told.st_mode):
            self._leave_out(path, "it is a link" if stat.S_ISLNK(told.st_mode) else "it is no regular file")
        elif told.st_size == 0:
            self._leave_out(path, "it is empty, and an artifact is not")
        elif self._files == MOST_MADE_FILES:
            self._leave_out(path, f"there are more than {MOST_MADE_FILES} files")
        elif told.st_size > MOST_MADE_BYTES - self._bytes:
            self._leave_out(path, f"all files together have more than {MOST_MADE_BYTES >> 20} MiB")
        else:
            with os.fdopen(self._open(folder, name), "rb") as file:
                content = file.read(told.st_size)
            self._files += 1
            self._bytes += len(content)
            yield File(path, content)

    def _open(self, folder: int, name: str, flags: int = 0) -> int:
        return os.open(name, FLAGS | flags, dir_fd=folder)

    def _leave_out(self, path: str, reason: str) -> None:
        if len(self.left_out) < MOST_LEFT_OUT:
            shown = path.encode(errors="replace").decode()[:200]
            self.left_out.append(LeftOut(shown, reason))
