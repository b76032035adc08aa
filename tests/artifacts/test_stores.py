"""The stores: an S3-compatible one over a real socket, full disks, and processes that are killed."""

from __future__ import annotations

import asyncio
import os
import random
import resource
import signal
import subprocess
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, text

from skyhook.artifacts.errors import ArtifactGone, StorageFull, StorageUnavailable
from skyhook.artifacts.models import Artifact, ArtifactContent
from skyhook.artifacts.service import Artifacts
from skyhook.artifacts.store import PART_BYTES
from skyhook.database import Database

from .conftest import MakeArtifacts
from .s3 import S3, Running

LARGE = random.Random(7).randbytes(3 * PART_BYTES + 12_345)
Files = Callable[[], list[Path]]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3]:
    with Running() as s3:
        for name, value in s3.environment().items():
            monkeypatch.setenv(name, value)
        yield s3


@pytest.fixture
def remote(s3: S3, make_artifacts: MakeArtifacts) -> Artifacts:
    """Artifacts in S3."""
    return make_artifacts(artifacts_url="s3://files/some/prefix")


async def parts(content: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(content), 65_536):
        yield content[start : start + 65_536]


async def rows(database: Database) -> int:
    async with database.read() as session:
        return await session.scalar(text("SELECT COUNT(*) FROM artifacts")) or 0


async def test_s3_keeps_what_is_put(remote: Artifacts, s3: S3, organization: UUID, tmp_path: Path) -> None:
    small = await remote.put(organization, b"small", name="a")
    large = await remote.put(organization, parts(LARGE), name="b")
    again = await remote.put(organization, LARGE, name="c")
    assert len(s3.objects) == 2
    assert all(key.startswith(f"some/prefix/{organization}/") for key in s3.objects)
    assert f"{small.sha256[:2]}/{small.sha256}/" in next(iter(s3.objects))
    assert await remote.read(small) == b"small"
    assert await remote.read(again) == LARGE
    part = [one async for one in remote.stream(large, PART_BYTES - 5, PART_BYTES + 2_000_000)]
    assert b"".join(part) == LARGE[PART_BYTES - 5 : PART_BYTES + 2_000_000]
    assert (await remote.download(large, tmp_path / "copy")).read_bytes() == LARGE
    assert s3.uploads == {}
    for one in (small, large, again):
        await remote.delete(organization, one.id)
    assert await remote.sweep() == 2
    assert s3.objects == {}
    with pytest.raises(ArtifactGone):
        await remote.read(small)


@pytest.mark.parametrize("failing", [(403, "AccessDenied"), (404, "NoSuchBucket"), (400, "InvalidRequest")])
async def test_an_s3_that_refuses_leaves_nothing(
    remote: Artifacts, s3: S3, database: Database, organization: UUID, failing: tuple[int, str]
) -> None:
    s3.failing = failing
    for content in (b"small", LARGE):
        with pytest.raises(StorageUnavailable) as caught:
            await remote.put(organization, content, name="a")
        assert caught.value.retryable
        assert "files" not in caught.value.message
    assert await rows(database) == 0
    s3.failing = None
    assert await remote.read(await remote.put(organization, b"small", name="a")) == b"small"


async def test_bytes_that_s3_does_not_delete_are_tried_again(
    remote: Artifacts, s3: S3, database: Database, organization: UUID
) -> None:
    made = await remote.put(organization, b"small", name="a")
    await remote.delete(organization, made.id)
    s3.failing = (403, "AccessDenied")
    assert await remote.sweep() == 0
    s3.failing = None
    async with database.write() as session:  # five minutes pass
        await session.execute(text("UPDATE artifact_contents SET check_at = created_at"))
    assert await remote.sweep() == 1
    assert s3.objects == {}


def test_a_store_that_cannot_be_is_said_at_start(make_artifacts: MakeArtifacts) -> None:
    for url in ("files", "s3://", "ftp://host/a", "file:///tmp"):
        with pytest.raises(ValueError, match="SKYHOOK_ARTIFACTS_URL must be such as s3://bucket/prefix"):
            make_artifacts(artifacts_url=url)


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[None]:
    """The store's folder on a disk of two MiB."""
    folder = tmp_path / "artifacts"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("only root can mount a small disk")
    yield
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("kind", ["bytes", "stream"])
async def test_a_full_disk_is_said_and_left_as_it_was(
    artifacts: Artifacts, database: Database, organization: UUID, full_disk: None, files: Files, kind: str
) -> None:
    kept = await artifacts.put(organization, LARGE[:500_000], name="kept")
    for _ in range(2):
        with pytest.raises(StorageFull) as caught:
            await artifacts.put(organization, LARGE if kind == "bytes" else parts(LARGE), name="a")
        assert caught.value.retryable
    assert await rows(database) == len(files()) == 1
    assert await artifacts.read(kept) == LARGE[:500_000]
    await artifacts.put(organization, LARGE[1:800_000], name="fits")


async def test_a_file_that_may_not_be_written_is_said(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    await artifacts.put(organization, b"first", name="a")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, before[1]))
    try:
        with pytest.raises(StorageFull):
            await artifacts.put(organization, parts(LARGE), name="a")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(files()) == await rows(database) == 1


async def putting(what: str, database: Database, folder: Path, organization: UUID) -> Process:
    """A process that puts artifacts."""
    program = Path(__file__).with_name("putting.py")
    url = database.url.render_as_string(hide_password=False)
    return await asyncio.create_subprocess_exec(
        sys.executable, program, what, url, str(folder), str(organization), stdout=subprocess.PIPE
    )


async def test_a_large_content_takes_little_memory(
    database: Database, organization: UUID, tmp_path: Path
) -> None:
    process = await putting("large", database, tmp_path, organization)
    output, _ = await process.communicate()
    grown_mib = int(output) / 1024
    assert grown_mib < 100, f"{grown_mib} MiB for 300 MiB"


async def test_a_killed_process_leaves_no_artifact_without_bytes(
    artifacts: Artifacts, database: Database, organization: UUID, tmp_path: Path, files: Files
) -> None:
    for _ in range(3):
        process = await putting("forever", database, tmp_path, organization)
        assert process.stdout is not None
        for _ in range(3):
            await process.stdout.readline()
        await asyncio.sleep(random.uniform(0, 0.2))
        process.kill()
        await process.wait()
    async with database.read() as session:
        made = (await session.scalars(select(Artifact))).all()
    assert made
    for artifact in made:
        assert len(await artifacts.read(artifact)) == artifact.size_bytes
    async with database.write() as session:  # an hour passes
        await session.execute(text("UPDATE artifact_contents SET check_at = created_at"))
    await artifacts.sweep()
    async with database.read() as session:
        contents = (await session.scalars(select(ArtifactContent))).all()
        used = set(await session.scalars(select(Artifact.content_id)))
    assert {content.id for content in contents} == used
    assert {path.name for path in files()} == {str(id) for id in used}


async def test_reading_while_it_is_deleted_says_so(artifacts: Artifacts, organization: UUID) -> None:
    made = await artifacts.put(organization, LARGE, name="a")
    stream = artifacts.stream(made)
    await anext(stream)
    await artifacts.delete(organization, made.id)
    await artifacts.sweep()
    with pytest.raises(ArtifactGone):
        await anext(stream)
