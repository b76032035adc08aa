"""The contents behind artifacts: when bytes are put, shared, and deleted, safely across crashes.

A content's row is there before its bytes and goes after them, so that a process which is killed at any
point leaves nothing that is not known. An artifact is only ever given a content that is stored, under a lock
of the content's row; the sweeper takes the same lock before it drops one. A dropped content never comes back:
the next put of the same bytes makes a new row, and its key has that row's id in it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from skyhook.accounts.models import Organization
from skyhook.artifacts.errors import ArtifactQuotaExceeded, StorageUnavailable
from skyhook.artifacts.incoming import Incoming
from skyhook.artifacts.models import Artifact, ArtifactContent, ContentState
from skyhook.artifacts.store import UPLOAD_TIMEOUT_S
from skyhook.clock import now
from skyhook.database import Database

LEASE = timedelta(seconds=2 * UPLOAD_TIMEOUT_S)
"""How long an upload is left alone; longer than any takes."""
RETRY = timedelta(minutes=5)
"""When bytes that could not be deleted are tried again."""
BATCH = 200


async def attach(session: AsyncSession, artifact: Artifact) -> bool:
    """Gives a new artifact the stored content of its digest and adds it; False where there is none."""
    query = select(ArtifactContent.id).where(
        ArtifactContent.organization_id == artifact.organization_id,
        ArtifactContent.sha256 == artifact.sha256,
        ArtifactContent.state == ContentState.STORED,
    )
    content_id = await session.scalar(query.with_for_update())
    if content_id is None:
        return False
    artifact.content_id = content_id
    session.add(artifact)
    return True


async def begin_upload(
    session: AsyncSession, organization_id: UUID, incoming: Incoming, at_most: int
) -> ArtifactContent:
    """The row of bytes that are about to be put.

    Raises ArtifactQuotaExceeded where the organization's contents would be more than `at_most` bytes.
    """
    await _lock(session, organization_id)
    used = await session.scalar(
        select(func.coalesce(func.sum(ArtifactContent.size_bytes), 0)).where(
            ArtifactContent.organization_id == organization_id, ArtifactContent.state != ContentState.DROPPED
        )
    )
    if int(used or 0) + incoming.size_bytes > at_most:
        raise ArtifactQuotaExceeded(
            f"The organization's artifacts would be more than {at_most:,} bytes together: delete some first."
        )
    content = ArtifactContent(
        organization_id=organization_id,
        sha256=incoming.sha256,
        size_bytes=incoming.size_bytes,
        state=ContentState.UPLOADING,
        check_at=now() + LEASE,
    )
    session.add(content)
    return content


async def finish_upload(session: AsyncSession, content_id: UUID, artifact: Artifact) -> None:
    """Gives the artifact the content whose bytes are put now, or that of somebody who was faster.

    Raises StorageUnavailable where the upload took so long that it was given up.
    """
    await _lock(session, artifact.organization_id)
    content = await session.get(ArtifactContent, content_id, with_for_update=True)
    if await attach(session, artifact):
        if content is not None:
            _drop(content)
    elif content is None or content.state != ContentState.UPLOADING:
        raise StorageUnavailable("The upload took too long. Try again.")
    else:
        content.state, content.check_at = ContentState.STORED, None
        artifact.content_id = content.id
        session.add(artifact)


async def give_up(database: Database, content_id: UUID) -> bool:
    """Lets the sweeper delete what an upload that failed may have left, when it surely has ended.

    False where the sweeper was there already, and may have looked too early.
    """
    query = (
        update(ArtifactContent)
        .where(ArtifactContent.id == content_id, ArtifactContent.state == ContentState.UPLOADING)
        .values(state=ContentState.DROPPED, check_at=now() + RETRY)
    )
    async with database.write() as session:
        return await session.scalar(query.returning(ArtifactContent.id)) is not None


async def release(session: AsyncSession, content_ids: Iterable[UUID]) -> None:
    """Has the sweeper look whether contents are still needed, since artifacts that had them went."""
    if ids := set(content_ids):
        # In an order, so that two units of work do not wait for each other.
        locked = select(ArtifactContent.id).where(ArtifactContent.id.in_(ids)).order_by(ArtifactContent.id)
        await session.execute(locked.with_for_update())
        await session.execute(
            update(ArtifactContent).where(ArtifactContent.id.in_(ids)).values(check_at=now())
        )


async def due(database: Database) -> Sequence[ArtifactContent]:
    """Contents whose bytes are to be deleted now; nobody else gets them for the next minutes."""
    async with database.write() as session:
        query = (
            select(ArtifactContent)
            .where(ArtifactContent.check_at <= now())
            .order_by(ArtifactContent.check_at)
            .limit(BATCH)
            .with_for_update(skip_locked=True)
        )
        looked_at = (await session.scalars(query)).all()
        # Asked under the locks, in a statement of its own: no artifact can come to these contents any more.
        ids = [content.id for content in looked_at]
        needed = set(
            await session.scalars(
                select(ArtifactContent.id).where(
                    ArtifactContent.id.in_(ids), exists().where(Artifact.content_id == ArtifactContent.id)
                )
            )
        )
        for content in looked_at:
            if content.id in needed:
                content.check_at = None
            else:
                _drop(content)
                content.check_at = now() + RETRY
        return [content for content in looked_at if content.id not in needed]


async def forget(database: Database, content_ids: Sequence[UUID]) -> None:
    """Deletes the rows of dropped contents whose bytes are gone."""
    async with database.write() as session:
        await session.execute(
            delete(ArtifactContent).where(
                ArtifactContent.id.in_(content_ids), ArtifactContent.state == ContentState.DROPPED
            )
        )


async def _lock(session: AsyncSession, organization_id: UUID) -> None:
    """One upload of an organization at a time begins or ends, so that two see what the other one took."""
    query = select(Organization.id).where(Organization.id == organization_id)
    await session.execute(query.with_for_update(key_share=True))


def _drop(content: ArtifactContent) -> None:
    content.state, content.check_at = ContentState.DROPPED, now()
