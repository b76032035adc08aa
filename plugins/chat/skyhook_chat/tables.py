"""Tables of conversations: a conversation is a tree of messages, each branch a path from its root."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import JSON, ForeignKey, Index, MetaData, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from skyhook.plugin import NAMING, TYPES, Identified, now


class Base(DeclarativeBase):
    """The plugin's tables."""

    metadata = MetaData(naming_convention=NAMING)
    type_annotation_map = TYPES


class Conversation(Identified, Base):
    """A conversation of an organization."""

    __tablename__ = "chat_conversations"
    __table_args__ = (Index("ix_chat_conversations_newest", "organization_id", "created_at", "id"),)

    organization_id: Mapped[UUID] = mapped_column()
    title: Mapped[str] = mapped_column(String(200))
    system: Mapped[str | None] = mapped_column(Text)
    """The system prompt that every answer of the conversation gets."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class StoredMessage(Base):
    """One message; messages with the same parent are branches beside each other."""

    __tablename__ = "chat_messages"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    conversation_id: Mapped[UUID] = mapped_column(
        ForeignKey("chat_conversations.id", ondelete="CASCADE"), index=True
    )
    parent_id: Mapped[UUID | None] = mapped_column(
        ForeignKey("chat_messages.id", ondelete="CASCADE"), index=True
    )
    role: Mapped[str] = mapped_column(String(20))
    content: Mapped[str] = mapped_column(Text)
    tool_calls: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    tool_call_id: Mapped[str | None] = mapped_column(String(100))
    model: Mapped[str | None] = mapped_column(String(100))
    """The model that wrote it; none for the caller's own messages."""
    created_at: Mapped[datetime] = mapped_column(default=now)
