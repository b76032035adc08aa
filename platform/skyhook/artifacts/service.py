"""Artifacts: put, read, link and delete the files of organizations."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import AsyncGenerator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import ColumnElement, Select, delete, or_, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.artifacts import contents
from skyhook.artifacts.errors import ArtifactGone, ArtifactTooLarge
from skyhook.artifacts.incoming import Content, Incoming, receive
from skyhook.artifacts.links import Links
from skyhook.artifacts.models import Artifact, ArtifactContent
from skyhook.artifacts.store import Store, typed_disk_errors
from skyhook.clock import new_id, now
from skyhook.configuration import Configuration
from skyhook.database import Database
from skyhook.errors import InvalidInput, NotFound, SkyhookError

MIB = 1024 * 1024
READ_BYTES = 64 * MIB
"""The most that `read` gives at once."""
STREAM_BYTES = MIB
SHORTEST_LINK = timedelta(minutes=1)
LONGEST_LINK = timedelta(days=7)
SWEEP_S = 30.0

logger = logging.getLogger(__name__)


class Artifacts:
    """Files that are kept once by their content, in a folder or an S3-compatible store.

    `start` begins to sweep in the background; everything else works without it.
    """

    def __init__(self, database: Database, configuration: Configuration, secret: bytes) -> None:
        self._database = database
        folder = configuration.data / "artifacts"
        self._incoming = folder
        self._store = Store(configuration.artifacts_url, folder)
        self._links = Links(secret, configuration.public_url or "")
        self.at_most_bytes = configuration.artifact_max_mib * MIB
        """The most that one artifact may have."""
        self._organization_at_most = configuration.artifacts_max_gib * 1024 * MIB
        self._sweeper: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begins to delete, in the background, what has expired and what nobody needs."""
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def close(self) -> None:
        """Ends the sweeping; the next start goes on with it."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._sweeper

    async def put(
        self,
        organization_id: UUID,
        content: Content,
        *,
        name: str,
        media_type: str | None = None,
        job_id: UUID | None = None,
        made_by: str | None = None,
        expires_at: datetime | None = None,
        id: UUID | None = None,
    ) -> Artifact:
        """Stores a content, which is read in constant memory; it is durable when this returns.

        The media type is told from the content; one that is given must agree with it. With an `id` the same
        put can be made again, as by a step of a job that runs twice: it gives back what was put first.
        Raises InvalidInput, ArtifactTooLarge, ArtifactQuotaExceeded, ArtifactTypeMismatch, StorageFull
        or StorageUnavailable; then nothing is left behind.
        """
        _check_name(name)
        if expires_at is not None and expires_at <= now():
            raise InvalidInput("The time of expiry has passed already.", field="expiresAt")
        if id is not None and (before := await self._made_before(organization_id, id)):
            return before
        async with receive(
            content, folder=self._incoming, at_most=self.at_most_bytes, media_type=media_type
        ) as incoming:
            artifact = Artifact(
                id=id or new_id(),
                organization_id=organization_id,
                sha256=incoming.sha256,
                size_bytes=incoming.size_bytes,
                media_type=incoming.media_type,
                name=name,
                job_id=job_id,
                made_by=made_by,
                expires_at=expires_at,
            )
            try:
                await self._keep(artifact, incoming)
            except IntegrityError:
                before = await self._made_before(organization_id, artifact.id)
                if before is None:
                    raise
                return before
        return artifact

    async def get(self, organization_id: UUID, id: UUID) -> Artifact:
        """An artifact of the organization. Raises NotFound, or ArtifactGone for one that has expired."""
        async with self._database.read() as session:
            artifact = await session.get(Artifact, id)
        if artifact is None or artifact.organization_id != organization_id:
            raise NotFound("This organization has no such artifact.")
        return _unexpired(artifact)

    async def of_jobs(self, organization_id: UUID, job_ids: Sequence[UUID]) -> Sequence[Artifact]:
        """What the organization's jobs made, oldest first."""
        query = artifacts_of(organization_id).where(Artifact.job_id.in_(job_ids))
        async with self._database.read() as session:
            return (await session.scalars(query.order_by(Artifact.created_at, Artifact.id))).all()

    async def among(self, organization_id: UUID, ids: Sequence[UUID]) -> dict[UUID, Artifact]:
        """Those of the ids that are artifacts of the organization, which have not expired."""
        query = artifacts_of(organization_id).where(Artifact.id.in_(ids))
        async with self._database.read() as session:
            return {artifact.id: artifact for artifact in await session.scalars(query)}

    async def linked(self, id: UUID, name: str, expires: str, signature: str) -> Artifact:
        """The artifact behind a link.

        Raises ArtifactLinkInvalid, ArtifactLinkExpired, NotFound, or ArtifactGone.
        """
        self._links.check(id, name, expires, signature)
        async with self._database.read() as session:
            artifact = await session.get(Artifact, id)
        if artifact is None:
            raise NotFound("There is no such artifact any more.")
        return _unexpired(artifact)

    async def read(self, artifact: Artifact, *, at_most: int = READ_BYTES) -> bytes:
        """The whole content. Raises ArtifactTooLarge beyond `at_most` bytes, or ArtifactGone."""
        if artifact.size_bytes > at_most:
            raise ArtifactTooLarge(
                f"{artifact.name} has {artifact.size_bytes:,} bytes; at most {at_most:,} can be read here."
            )
        return await self._store.get(artifact.key, 0, artifact.size_bytes)

    async def stream(
        self, artifact: Artifact, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The content from byte `start` to before `end`, in parts. Raises ArtifactGone."""
        end = artifact.size_bytes if end is None else min(end, artifact.size_bytes)
        while start < end:
            # A request for each part: a slow reader holds no connection of the store.
            part = await self._store.get(artifact.key, start, min(start + STREAM_BYTES, end))
            start += len(part)
            yield part

    async def download(self, artifact: Artifact, path: Path) -> Path:
        """Writes the content to `path`, whole or not at all. Raises ArtifactGone or StorageFull."""
        partial = path.with_name(f".{path.name}.{new_id().hex}")
        try:
            with typed_disk_errors():
                file = await asyncio.to_thread(partial.open, "wb")
            with file:
                async for part in self.stream(artifact):
                    with typed_disk_errors():
                        await asyncio.to_thread(file.write, part)
                with typed_disk_errors():
                    await asyncio.to_thread(file.flush)
            with typed_disk_errors():
                await asyncio.to_thread(os.replace, partial, path)
        finally:
            partial.unlink(missing_ok=True)
        return path

    def url(self, artifact: Artifact, expires_in: timedelta = timedelta(hours=1)) -> str:
        """A link that needs no key, good for 1 minute to 7 days; never longer than the artifact.

        It begins with `SKYHOOK_PUBLIC_URL`; without that it is a path on this server. Raises InvalidInput.
        """
        if not SHORTEST_LINK <= expires_in <= LONGEST_LINK:
            raise InvalidInput("A link holds for 60 to 604800 seconds.", field="expiresIn")
        if artifact.expires_at is not None:
            expires_in = min(expires_in, max(artifact.expires_at - now(), timedelta(0)))
        return self._links.sign(artifact.id, artifact.name, expires_in)

    async def delete(self, organization_id: UUID, id: UUID) -> None:
        """Deletes an artifact, and its bytes soon after. Raises NotFound."""
        async with self._database.write() as session:
            if not await _delete(session, Artifact.id == id, Artifact.organization_id == organization_id):
                raise NotFound("This organization has no such artifact.")

    async def delete_of_job(self, session: AsyncSession, job_id: UUID) -> int:
        """Deletes what a job made, within the caller's unit of work; returns how many artifacts it were.

        The bytes go soon after the unit of work is committed.
        """
        return await _delete(session, Artifact.job_id == job_id)

    async def sweep(self) -> int:
        """Deletes what has expired, and the bytes that nobody needs; returns how many contents went."""
        while await self._delete_expired() == contents.BATCH:
            pass
        swept = 0
        while dropped := await contents.due(self._database):
            gone = []
            for content in dropped:
                try:
                    await self._store.delete(content.key)
                except SkyhookError as error:
                    logger.warning("cannot delete %s: %s", content.key, error.__cause__ or error)
                else:
                    gone.append(content.id)
            await contents.forget(self._database, gone)
            swept += len(gone)
        return swept

    async def _keep(self, artifact: Artifact, incoming: Incoming) -> None:
        async with self._database.write() as session:
            if await contents.attach(session, artifact):
                return
        # In a unit of work of its own: the one before may have locked a content that was just dropped, while
        # another that locks the organization waits for it.
        async with self._database.write() as session:
            content = await contents.begin_upload(
                session, artifact.organization_id, incoming, self._organization_at_most
            )
        try:
            await self._store.put(content.key, incoming.content)
            async with self._database.write() as session:
                await contents.finish_upload(session, content.id, artifact)
        except BaseException:
            with contextlib.suppress(Exception):  # else the sweeper finds it when its lease is over
                await asyncio.shield(self._give_up(content))
            raise

    async def _give_up(self, content: ArtifactContent) -> None:
        if not await contents.give_up(self._database, content.id):
            await self._store.delete(content.key)

    async def _made_before(self, organization_id: UUID, id: UUID) -> Artifact | None:
        async with self._database.read() as session:
            artifact = await session.get(Artifact, id)
        return artifact if artifact is not None and artifact.organization_id == organization_id else None

    async def _delete_expired(self) -> int:
        async with self._database.write() as session:
            expired = select(Artifact.id).where(Artifact.expires_at <= now()).limit(contents.BATCH)
            ids = (await session.scalars(expired.with_for_update(skip_locked=True))).all()
            return await _delete(session, Artifact.id.in_(ids)) if ids else 0

    async def _sweep_forever(self) -> None:
        while True:
            try:
                await self.sweep()
            except Exception:
                logger.exception("sweeping the artifacts failed; it is tried again")
            await asyncio.sleep(SWEEP_S)


def artifacts_of(organization_id: UUID) -> Select[Artifact]:
    """Selects the organization's artifacts that have not expired."""
    return select(Artifact).where(
        Artifact.organization_id == organization_id,
        or_(Artifact.expires_at.is_(None), Artifact.expires_at > now()),
    )


async def _delete(session: AsyncSession, *conditions: ColumnElement[bool]) -> int:
    query = delete(Artifact).where(*conditions).returning(Artifact.content_id)
    ids = (await session.scalars(query)).all()
    await contents.release(session, ids)
    return len(ids)


def _unexpired(artifact: Artifact) -> Artifact:
    if artifact.expires_at is not None and artifact.expires_at <= now():
        raise ArtifactGone(f"{artifact.name} expired at {artifact.expires_at.isoformat()}.")
    return artifact


def _check_name(name: str) -> None:
    if (
        not 1 <= len(name) <= 200
        or not name.isprintable()
        or name.strip(" .") == ""
        or any(letter in name for letter in "/\\")
    ):
        raise InvalidInput("A name has 1 to 200 printable characters, none of them / or \\.", field="name")
