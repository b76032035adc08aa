"""The texts that organizations keep, with their vectors."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import LargeBinary, MetaData, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.plugin import NAMING, TYPES, Identified, now


class Base(DeclarativeBase):
    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class Document(Identified, Base):
    __tablename__ = "embeddings_documents"

    organization_id: Mapped[UUID] = mapped_column(index=True)
    text: Mapped[str] = mapped_column(Text)
    vector: Mapped[bytes] = mapped_column(LargeBinary)
    """384 float32, little-endian."""
    created_at: Mapped[datetime] = mapped_column(default=now)
