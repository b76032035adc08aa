"""A content on its way in: hashed, measured and typed as it comes, in constant memory."""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

from skyhook.artifacts import media
from skyhook.artifacts.errors import ArtifactTooLarge
from skyhook.artifacts.store import typed_disk_errors
from skyhook.errors import InvalidInput

Content: TypeAlias = bytes | Path | AsyncIterator[bytes]
"""What can become an artifact: bytes, a file, or a stream of parts."""

MEMORY_BYTES = 1024 * 1024
"""A content up to this size is kept in memory; a larger one goes to the disk first."""
_PART_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class Incoming:
    """A whole content and what it is."""

    content: bytes | IO[bytes]
    """A file is at its beginning."""
    sha256: str
    size_bytes: int
    media_type: str


@asynccontextmanager
async def receive(
    content: Content, *, folder: Path, at_most: int, media_type: str | None
) -> AsyncIterator[Incoming]:
    """The content as a whole, for as long as the block lasts.

    The file in `folder` that a large one goes to has no name, so a killed process leaves nothing. Raises
    InvalidInput for an empty one, ArtifactTooLarge beyond `at_most` bytes, ArtifactTypeMismatch,
    StorageFull and StorageUnavailable.
    """
    intake = _Intake(folder, at_most)
    try:
        if isinstance(content, bytes):
            await asyncio.to_thread(intake.look, content)
            yield intake.incoming(content, media_type)
            return
        async for part in _large_parts(content):
            with typed_disk_errors():
                await asyncio.to_thread(intake.keep, part)
        yield intake.incoming(intake.whole(), media_type)
    finally:
        intake.close()


def too_large(at_most: int) -> ArtifactTooLarge:
    """The refusal of a content of more than `at_most` bytes."""
    return ArtifactTooLarge(f"An artifact has at most {at_most:,} bytes.", field="content")


class _Intake:
    """Looks at the parts of a content, and keeps them."""

    def __init__(self, folder: Path, at_most: int) -> None:
        self._folder = folder
        self._at_most = at_most
        self._hash = hashlib.sha256()
        self._text = media.TextCheck()
        self._head = b""
        self._size = 0
        self._file: tempfile.SpooledTemporaryFile[bytes] | None = None

    def look(self, part: bytes) -> None:
        self._size += len(part)
        if self._size > self._at_most:
            raise too_large(self._at_most)
        self._hash.update(part)
        self._text.feed(part)
        if len(self._head) < media.HEAD_BYTES:
            self._head += part[: media.HEAD_BYTES - len(self._head)]

    def keep(self, part: bytes) -> None:
        self.look(part)
        if self._file is None:
            self._folder.mkdir(parents=True, exist_ok=True)
            self._file = tempfile.SpooledTemporaryFile(MEMORY_BYTES, dir=str(self._folder))  # noqa: SIM115
        self._file.write(part)

    def whole(self) -> bytes | IO[bytes]:
        if self._file is None:
            return b""
        self._file.seek(0)
        return self._file.read() if self._size <= MEMORY_BYTES else self._file

    def incoming(self, content: bytes | IO[bytes], claimed: str | None) -> Incoming:
        if not self._size:
            raise InvalidInput("The content is empty: an artifact has at least one byte.", field="content")
        media_type = media.settle(claimed, self._head, is_text=self._text.holds())
        return Incoming(content, self._hash.hexdigest(), self._size, media_type)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


async def _large_parts(content: Path | AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The parts in pieces that are worth a thread's time."""
    if isinstance(content, Path):
        with await asyncio.to_thread(content.open, "rb") as file:
            while part := await asyncio.to_thread(file.read, _PART_BYTES):
                yield part
        return
    held = bytearray()
    async for part in content:
        held += part
        if len(held) >= _PART_BYTES:
            yield bytes(held)
            held.clear()
    if held:
        yield bytes(held)
