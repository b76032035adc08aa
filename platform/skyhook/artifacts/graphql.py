"""GraphQL of artifacts: list, link and delete them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Annotated, Any, cast
from uuid import UUID

import strawberry
from sqlalchemy import Select

from skyhook.artifacts import models
from skyhook.artifacts.service import artifacts_of
from skyhook.graphql.connections import Connection, Order, Page, paginate
from skyhook.graphql.context import Info
from skyhook.graphql.ids import ByUuid, node_id, node_uuid
from skyhook.graphql.nodes import GlobalID, Node
from skyhook.graphql.scalars import BigInt
from skyhook.scopes import ARTIFACTS_READ, ARTIFACTS_WRITE

ExpiresIn = Annotated[
    int, strawberry.argument(description="How long the link holds, in seconds: 60 to 604800 (7 days).")
]


@strawberry.type(description="A file of the organization: uploaded, or made by an operation.")
class Artifact(ByUuid, Node):
    """A file of the caller's organization."""

    id: strawberry.relay.NodeID[str]
    name: str
    media_type: str = strawberry.field(description="Told from the content, such as image/png.")
    size_bytes: BigInt
    sha256: str = strawberry.field(description="The SHA-256 digest of the content, in hexadecimal.")
    made_by: str | None = strawberry.field(
        description="The operation that made it, such as imagineGenerate; null for an upload."
    )
    job_id: strawberry.ID | None = strawberry.field(description="The id of the Job that made it.")
    created_at: datetime
    expires_at: datetime | None = strawberry.field(description="When it is deleted; null for never.")
    row: strawberry.Private[models.Artifact]

    @classmethod
    def of(cls, artifact: models.Artifact) -> Artifact:
        """The GraphQL form of a row."""
        return cls(
            id=str(artifact.id),
            name=artifact.name,
            media_type=artifact.media_type,
            size_bytes=cast("BigInt", artifact.size_bytes),
            sha256=artifact.sha256,
            made_by=artifact.made_by,
            job_id=None if artifact.job_id is None else strawberry.ID(node_id("Job", artifact.job_id)),
            created_at=artifact.created_at,
            expires_at=artifact.expires_at,
            row=artifact,
        )

    @classmethod
    def rows(cls, info: Info, ids: Sequence[UUID]) -> Select[Any]:
        """Artifacts of the caller's organization that have not expired."""
        info.context.caller.require(ARTIFACTS_READ)
        return artifacts_of(info.context.caller.organization_id).where(models.Artifact.id.in_(ids))

    @strawberry.field(description="A link to the content that needs no key; whoever has it can read it.")
    def url(self, info: Info, expires_in: ExpiresIn = 3600) -> str:
        """An absolute link."""
        link: str = info.context.services.artifacts.url(self.row, timedelta(seconds=expires_in))
        return info.context.absolute(link)


MediaType = Annotated[
    str | None,
    strawberry.argument(description="Only those whose media type begins so, such as image/ or image/png."),
]
MadeBy = Annotated[
    str | None, strawberry.argument(description="Only those of this operation, such as imagineGenerate.")
]
ArtifactId = Annotated[GlobalID, strawberry.argument(description="The artifact's id.")]


@strawberry.type
class ArtifactsQuery:
    """Root fields of artifacts."""

    @strawberry.field(description="An artifact by its id.")
    async def artifact(self, info: Info, id: ArtifactId) -> Artifact:
        """One artifact."""
        caller = info.context.caller
        caller.require(ARTIFACTS_READ)
        found = await info.context.services.artifacts.get(
            caller.organization_id, node_uuid(id, "Artifact", "id")
        )
        return Artifact.of(found)

    @strawberry.field(description="The organization's artifacts, newest first.")
    async def artifacts(
        self,
        info: Info,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        media_type: MediaType = None,
        made_by: MadeBy = None,
    ) -> Connection[Artifact]:
        """A page of artifacts."""
        caller = info.context.caller
        caller.require(ARTIFACTS_READ)
        query = artifacts_of(caller.organization_id)
        if media_type is not None:
            query = query.where(models.Artifact.media_type.startswith(media_type.lower(), autoescape=True))
        if made_by is not None:
            query = query.where(models.Artifact.made_by == made_by)
        order = Order(models.Artifact.created_at, models.Artifact.id, descending=True)
        async with info.context.services.database.read() as session:
            return await paginate(session, query, Page(first, after, last, before), order, Artifact.of)


@strawberry.type
class ArtifactsMutation:
    """Root fields of artifacts that change something."""

    @strawberry.mutation(
        description="Deletes an artifact for good, at once for every link to it; gives back its id."
    )
    async def artifact_delete(self, info: Info, id: ArtifactId) -> GlobalID:
        """Deletes an artifact."""
        caller = info.context.caller
        caller.require(ARTIFACTS_WRITE)
        await info.context.services.artifacts.delete(caller.organization_id, node_uuid(id, "Artifact", "id"))
        return id
