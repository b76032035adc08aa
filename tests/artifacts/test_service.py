"""What is put can be read, is kept once, and goes with the last artifact that has it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, text, update

from skyhook.accounts.models import Organization
from skyhook.artifacts import contents
from skyhook.artifacts.errors import (
    ArtifactGone,
    ArtifactLinkExpired,
    ArtifactLinkInvalid,
    ArtifactQuotaExceeded,
    ArtifactTooLarge,
)
from skyhook.artifacts.models import Artifact, ArtifactContent, ContentState
from skyhook.artifacts.service import Artifacts
from skyhook.clock import new_id, now
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound

from .conftest import MakeArtifacts

Files = Callable[[], list[Path]]
LARGE = bytes(range(256)) * 12_000
"""3 MB: more than is kept in memory."""


async def parts(content: bytes, size: int = 100_000) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def count(database: Database, table: type) -> int:
    async with database.read() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def another_organization(database: Database) -> UUID:
    organization_id = new_id()
    async with database.write() as session:
        session.add(Organization(id=organization_id, name="Other", slug=f"o-{organization_id.hex[-12:]}"))
    return organization_id


@pytest.mark.parametrize("content", [b"a few bytes", LARGE], ids=["small", "large"])
@pytest.mark.parametrize("kind", ["bytes", "path", "stream"])
async def test_what_is_put_can_be_read(
    artifacts: Artifacts, organization: UUID, tmp_path: Path, content: bytes, kind: str
) -> None:
    path = tmp_path / "content"
    path.write_bytes(content)
    given = {"bytes": content, "path": path, "stream": parts(content)}[kind]
    made = await artifacts.put(organization, given, name="a.bin", made_by="imagineGenerate")
    found = await artifacts.get(organization, made.id)
    assert (found.size_bytes, found.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert (found.name, found.made_by, found.job_id) == ("a.bin", "imagineGenerate", None)
    assert await artifacts.read(found) == content
    assert b"".join([part async for part in artifacts.stream(found, 5, 11)]) == content[5:11]
    assert (await artifacts.download(found, tmp_path / "copy")).read_bytes() == content


async def test_equal_contents_of_an_organization_are_kept_once(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    one = await artifacts.put(organization, LARGE, name="one")
    two = await artifacts.put(organization, parts(LARGE), name="two")
    assert len(files()) == 1
    other = await artifacts.put(await another_organization(database), LARGE, name="three")
    assert len(files()) == 2
    assert {one.sha256} == {two.sha256, other.sha256}


async def test_bytes_go_with_the_last_artifact_that_has_them(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    one = await artifacts.put(organization, LARGE, name="one")
    two = await artifacts.put(organization, LARGE, name="two")
    await artifacts.delete(organization, one.id)
    assert await artifacts.sweep() == 0
    assert await artifacts.read(two) == LARGE
    await artifacts.delete(organization, two.id)
    assert await artifacts.sweep() == 1
    assert files() == []
    assert await count(database, ArtifactContent) == 0
    with pytest.raises(ArtifactGone):
        await artifacts.read(two)


async def test_what_a_job_made_goes_with_the_callers_unit_of_work(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    job_id = new_id()
    made = [await artifacts.put(organization, b"%d" % n, name="n", job_id=job_id) for n in range(3)]
    kept = await artifacts.put(organization, b"1", name="kept")

    async with database.write() as session:
        assert await artifacts.delete_of_job(session, job_id) == 3
        await session.rollback()
    assert [await artifacts.read(one) for one in made] == [b"0", b"1", b"2"]
    async with database.write() as session:
        assert await artifacts.delete_of_job(session, job_id) == 3
    assert await artifacts.sweep() == 2
    assert await artifacts.read(kept) == b"1"
    assert len(files()) == 1


async def test_a_put_with_an_id_can_be_made_again(
    artifacts: Artifacts, database: Database, organization: UUID
) -> None:
    id = new_id()
    made = await artifacts.put(organization, b"first", name="a", id=id)
    again = await artifacts.put(organization, b"second", name="a", id=id)
    assert (again.id, again.sha256) == (made.id, made.sha256)
    puts = [artifacts.put(organization, b"%d" % n, name="b", id=UUID(int=7)) for n in range(8)]
    assert len({one.sha256 for one in await asyncio.gather(*puts)}) == 1
    assert await count(database, Artifact) == 2


async def test_another_organization_sees_nothing(
    artifacts: Artifacts, database: Database, organization: UUID
) -> None:
    made = await artifacts.put(organization, b"secret", name="a")
    stranger = await another_organization(database)
    with pytest.raises(NotFound):
        await artifacts.get(stranger, made.id)
    with pytest.raises(NotFound):
        await artifacts.delete(stranger, made.id)
    assert await artifacts.read(await artifacts.get(organization, made.id)) == b"secret"


async def test_an_expired_artifact_is_gone_and_swept(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    made = await artifacts.put(organization, b"short", name="a", expires_at=now() + timedelta(hours=1))
    async with database.write() as session:  # an hour passes
        await session.execute(update(Artifact).values(expires_at=now() - timedelta(seconds=1)))
    with pytest.raises(ArtifactGone):
        await artifacts.get(organization, made.id)
    assert await artifacts.sweep() == 1
    assert files() == []
    assert await count(database, Artifact) == 0
    with pytest.raises(InvalidInput):
        await artifacts.put(organization, b"late", name="a", expires_at=now())


@pytest.mark.parametrize(
    "name", ["", "a/b", "..", "..\\x", "a\nb", "a\0", "gpj\u202eexe.png", "x" * 201, " "]
)
async def test_a_name_that_could_mislead_is_refused(
    artifacts: Artifacts, organization: UUID, name: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await artifacts.put(organization, b"a", name=name)
    assert caught.value.field == "name"


async def test_limits_hold_and_leave_nothing(
    make_artifacts: MakeArtifacts, database: Database, organization: UUID, files: Files
) -> None:
    artifacts = make_artifacts(artifact_max_mib=2)
    for content in (LARGE, parts(LARGE)):
        with pytest.raises(ArtifactTooLarge):
            await artifacts.put(organization, content, name="a")
    with pytest.raises(InvalidInput, match="empty"):
        await artifacts.put(organization, parts(b""), name="a")
    small = await artifacts.put(organization, b"four", name="a")
    with pytest.raises(ArtifactTooLarge):
        await artifacts.read(small, at_most=3)
    assert len(files()) == await count(database, ArtifactContent) == 1


async def test_uploads_at_once_cannot_exceed_what_an_organization_may_have(
    make_artifacts: MakeArtifacts, database: Database, organization: UUID
) -> None:
    artifacts = make_artifacts(artifacts_max_gib=0)
    artifacts._organization_at_most = 10
    puts = [artifacts.put(organization, b"abc%d" % n, name="a") for n in range(5)]
    ends = await asyncio.gather(*puts, return_exceptions=True)
    refused = [end for end in ends if isinstance(end, ArtifactQuotaExceeded)]
    assert (len(refused), await count(database, Artifact)) == (3, 2)


async def test_links_hold_for_their_time_and_for_nothing_else(
    make_artifacts: MakeArtifacts, organization: UUID
) -> None:
    artifacts = make_artifacts(public_url="https://api.example.com")
    made = await artifacts.put(organization, b"a", name="Ein Bild & mehr?.txt")
    url = artifacts.url(made)
    assert url.startswith(f"https://api.example.com/artifacts/{made.id}/Ein%20Bild%20%26%20mehr%3F.txt?")
    expires, signature = (part.partition("=")[2] for part in url.partition("?")[2].split("&"))
    assert (await artifacts.linked(made.id, made.name, expires, signature)).id == made.id
    other = await artifacts.put(organization, b"b", name=made.name)
    for changed in (
        (other.id, made.name, expires, signature),
        (made.id, "x.exe", expires, signature),
        (made.id, made.name, str(int(expires) + 1), signature),
        (made.id, made.name, expires, signature[:-1]),
        (made.id, made.name, "", "\udcff"),
    ):
        with pytest.raises(ArtifactLinkInvalid):
            await artifacts.linked(*changed)
    late = artifacts._links.sign(made.id, made.name, timedelta(seconds=-1))
    expires, signature = (part.partition("=")[2] for part in late.partition("?")[2].split("&"))
    with pytest.raises(ArtifactLinkExpired):
        await artifacts.linked(made.id, made.name, expires, signature)
    for wrong in (timedelta(seconds=59), timedelta(days=7, seconds=1)):
        with pytest.raises(InvalidInput):
            artifacts.url(made, wrong)
    soon = await artifacts.put(organization, b"a", name="a", expires_at=now() + timedelta(minutes=5))
    expires = artifacts.url(soon).partition("expires=")[2].partition("&")[0]
    assert int(expires) <= now().timestamp() + 300


async def test_puts_and_deletes_of_one_content_at_once_never_lose_bytes(
    artifacts: Artifacts, database: Database, organization: UUID, files: Files
) -> None:
    async def come_and_go(rounds: int) -> None:
        for _ in range(rounds):
            made = await artifacts.put(organization, LARGE, name="a")
            assert await artifacts.read(made) == LARGE
            await artifacts.delete(organization, made.id)

    async def sweep_until(done: asyncio.Event) -> int:
        swept = 0
        while not done.is_set():
            swept += await artifacts.sweep()
        return swept

    done = asyncio.Event()
    sweeping = [asyncio.create_task(sweep_until(done)) for _ in range(2)]
    await asyncio.gather(*(come_and_go(12) for _ in range(6)))
    done.set()
    assert sum(await asyncio.gather(*sweeping)) > 0
    await artifacts.sweep()
    assert files() == []
    assert await count(database, ArtifactContent) == 0


async def test_an_upload_that_was_given_up_by_the_sweeper_does_not_finish(
    artifacts: Artifacts,
    database: Database,
    organization: UUID,
    files: Files,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    put = artifacts._store.put

    async def slow(key: str, content: bytes) -> None:
        async with database.write() as session:  # an hour passes
            await session.execute(update(ArtifactContent).values(check_at=now() - timedelta(seconds=1)))
        await artifacts.sweep()
        await put(key, content)

    monkeypatch.setattr(artifacts._store, "put", slow)
    with pytest.raises(Exception, match="took too long"):
        await artifacts.put(organization, b"slow", name="a")
    assert await count(database, Artifact) == 0
    assert files() == []


async def test_every_artifact_has_a_stored_content(
    artifacts: Artifacts, database: Database, organization: UUID
) -> None:
    await asyncio.gather(*(artifacts.put(organization, b"same", name=f"{n}") for n in range(20)))
    await artifacts.sweep()
    async with database.read() as session:
        states = (await session.scalars(text("SELECT state FROM artifact_contents"))).all()
    assert [state for state in states if state == ContentState.STORED] == ["stored"]
    assert timedelta(0) < contents.LEASE
