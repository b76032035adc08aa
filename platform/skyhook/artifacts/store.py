"""The store of the bytes: a local folder or an S3-compatible store, through one library."""

from __future__ import annotations

import asyncio
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, S3Store

from skyhook.artifacts.errors import ArtifactGone, StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from obstore.store import ClientConfig, RetryConfig

PART_BYTES = 8 * 1024 * 1024
"""What is uploaded at a time; S3 takes 10,000 parts, so 80 GiB in all."""
CONCURRENT_PARTS = 3
UPLOAD_TIMEOUT_S = 1800.0
"""The longest that one upload may take."""

logger = logging.getLogger(__name__)

_FULL = re.compile(r"StorageFull|QuotaExceeded|os error (?:27|28|122)\b|FileTooLarge")
_CLIENT: ClientConfig = {"timeout": timedelta(minutes=5), "connect_timeout": timedelta(seconds=5)}
_RETRY: RetryConfig = {"max_retries": 3, "retry_timeout": timedelta(seconds=30)}


class Store:
    """Bytes by key, behind a configuration's URL. Raises StorageFull and StorageUnavailable."""

    def __init__(self, url: str | None, folder: Path) -> None:
        """`url` is `s3://bucket/prefix`; without it the store is `folder`. Raises ValueError."""
        self.folder = folder
        self.is_local = url is None
        if url is None:
            self._objects: LocalStore | S3Store | None = None  # the folder is made on first use
        elif url.startswith("s3://") and len(url) > len("s3://"):
            client: ClientConfig = {**_CLIENT}
            if os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://"):
                client["allow_http"] = True
            try:
                self._objects = S3Store.from_url(url, client_options=client, retry_config=_RETRY)
            except BaseError as error:
                raise ValueError(f"SKYHOOK_ARTIFACTS_URL cannot be used: {_first_line(error)}") from error
        else:
            raise ValueError(f"SKYHOOK_ARTIFACTS_URL must be such as s3://bucket/prefix, not {url!r}")

    async def put(self, key: str, content: bytes | IO[bytes]) -> None:
        """Stores a content, whole or not at all; it is durable when this returns."""
        with _typed_errors():
            async with asyncio.timeout(UPLOAD_TIMEOUT_S):
                await obstore.put_async(
                    self._store(), key, content, chunk_size=PART_BYTES, max_concurrency=CONCURRENT_PARTS
                )
                if self.is_local:
                    await asyncio.to_thread(_make_durable, self.folder / key, self.folder)

    async def get(self, key: str, start: int, end: int) -> bytes:
        """The bytes from `start` to before `end`. Raises ArtifactGone where the key is not there."""
        with _typed_errors():
            try:
                return bytes(await obstore.get_range_async(self._store(), key, start=start, end=end))
            except FileNotFoundError as error:
                raise ArtifactGone("The artifact's content is not in the store any more.") from error

    async def delete(self, key: str) -> None:
        """Deletes what lies under a key; nothing there is no error."""
        with _typed_errors():
            with suppress(FileNotFoundError):
                await obstore.delete_async(self._store(), key)
            if self.is_local:
                await asyncio.to_thread(_delete_rests, self.folder / key)

    def _store(self) -> LocalStore | S3Store:
        if self._objects is None:
            self._objects = LocalStore(self.folder, mkdir=True, automatic_cleanup=True)
        return self._objects


@contextmanager
def typed_disk_errors() -> Iterator[None]:
    """An error of the disk as one that a caller may know."""
    try:
        yield
    except OSError as error:
        raise _typed(error, f"os error {error.errno}") from error


@contextmanager
def _typed_errors() -> Iterator[None]:
    try:
        yield
    except TimeoutError as error:
        raise StorageUnavailable("The store of the artifacts took too long. Try again.") from error
    except (BaseError, OSError) as error:
        raise _typed(error, str(error)) from error


def _typed(error: Exception, text: str) -> StorageFull | StorageUnavailable:
    logger.warning("the store of the artifacts failed: %s", _first_line(error))
    if _FULL.search(text):
        return StorageFull("The store of the artifacts is full. Try again later, or tell the operator.")
    return StorageUnavailable("The store of the artifacts does not answer as it should. Try again later.")


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def _make_durable(path: Path, root: Path) -> None:
    """As a row is: on the disk, the folders' entries included."""
    for one in (path, *path.parents):
        descriptor = os.open(one, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if one == root:
            return


def _delete_rests(path: Path) -> None:
    """Deletes what a killed process had begun to write for this path."""
    with suppress(FileNotFoundError):  # the folder may go meanwhile, with the last content in it
        for rest in path.parent.glob(f"{path.name}#*"):
            rest.unlink(missing_ok=True)
    with suppress(OSError):
        path.parent.rmdir()
        path.parent.parent.rmdir()
