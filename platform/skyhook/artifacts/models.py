"""Tables of artifacts, and of the contents that they share."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import CheckConstraint, ForeignKey, Index, String, text
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base, Identified


class ContentState(StrEnum):
    """Where a content is on its way; only a stored one is ever given to an artifact."""

    UPLOADING = "uploading"
    """Its bytes may be in the store, whole or not."""
    STORED = "stored"
    """Its bytes are in the store."""
    DROPPED = "dropped"
    """No artifact has it or ever will; its bytes may be gone."""


class ArtifactContent(Identified, Base):
    """Bytes in the store under a key of their own, or about to be there, or not gone yet.

    Its id is part of the key, so that bytes which are being deleted are never those of a newer put.
    """

    __tablename__ = "artifact_contents"
    __table_args__ = (
        Index(
            "uq_artifact_contents_stored",
            "organization_id",
            "sha256",
            unique=True,
            sqlite_where=text("state = 'stored'"),
            postgresql_where=text("state = 'stored'"),
        ),
        Index("ix_artifact_contents_organization_id", "organization_id"),
        Index("ix_artifact_contents_check_at", "check_at"),
        CheckConstraint("size_bytes > 0", name="size_positive"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    """In hexadecimal."""
    size_bytes: Mapped[int] = mapped_column()
    state: Mapped[str] = mapped_column(String(10))
    check_at: Mapped[datetime | None] = mapped_column()
    """When the sweeper looks whether it is still needed; none while nothing is to be looked for."""
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def key(self) -> str:
        """Where its bytes lie in the store."""
        return f"{self.organization_id}/{self.sha256[:2]}/{self.sha256}/{self.id}"


class Artifact(Identified, Base):
    """A file of an organization: a name and a media type for a content."""

    __tablename__ = "artifacts"
    __table_args__ = (
        Index("ix_artifacts_newest", "organization_id", "created_at", "id"),
        Index("ix_artifacts_content_id", "content_id"),
        Index("ix_artifacts_job_id", "job_id"),
        Index("ix_artifacts_expires_at", "expires_at"),
    )

    organization_id: Mapped[UUID] = mapped_column(ForeignKey("organizations.id"))
    content_id: Mapped[UUID] = mapped_column(ForeignKey("artifact_contents.id"))
    sha256: Mapped[str] = mapped_column(String(64))
    """In hexadecimal."""
    size_bytes: Mapped[int] = mapped_column()
    media_type: Mapped[str] = mapped_column(String(100))
    name: Mapped[str] = mapped_column(String(200))
    job_id: Mapped[UUID | None] = mapped_column()
    """The job that made it."""
    made_by: Mapped[str | None] = mapped_column(String(100))
    """The operation that made it, such as `imagineGenerate`; none for what a caller uploaded."""
    expires_at: Mapped[datetime | None] = mapped_column()
    created_at: Mapped[datetime] = mapped_column(default=now)

    @property
    def key(self) -> str:
        """Where its bytes lie in the store."""
        return f"{self.organization_id}/{self.sha256[:2]}/{self.sha256}/{self.content_id}"
