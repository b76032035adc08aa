"""The tables of the models that an operator has added, and of the versions that were trained here."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from skyhook.clock import now
from skyhook.database import Base


class AddedModel(Base):
    """A model that an operator added: a pulled or local folder of weights, or an upstream server."""

    __tablename__ = "catalogue_models"
    __table_args__ = (CheckConstraint("source IN ('hub', 'upstream')", name="source_known"),)

    name: Mapped[str] = mapped_column(String(100), primary_key=True)
    plugin: Mapped[str] = mapped_column(String(50))
    source: Mapped[str] = mapped_column(String(20))
    location: Mapped[str] = mapped_column(String(1000))
    """The folder of the weights, or the upstream's base URL."""
    upstream_name: Mapped[str | None] = mapped_column(String(200))
    api_key_variable: Mapped[str | None] = mapped_column(String(200))
    """The environment variable that holds the upstream's key; the key itself is not stored."""
    tier: Mapped[str] = mapped_column(String(20))
    context_tokens: Mapped[int] = mapped_column()
    engine: Mapped[str | None] = mapped_column(String(30))
    """What runs the weights, where it is not the plugin's own way."""
    adapter: Mapped[str | None] = mapped_column(String(1000))
    """The folder of a LoRA adapter of the model whose weights are at `location`."""
    created_at: Mapped[datetime] = mapped_column(default=now)


class TrainedVersion(Base):
    """Weights of a model that were trained here, passed its gate and were published.

    Of a model's versions that are not withdrawn the latest one is called by the model's name.
    """

    __tablename__ = "catalogue_versions"
    __table_args__ = (CheckConstraint("version >= 1", name="version_positive"),)

    model: Mapped[str] = mapped_column(String(100), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    location: Mapped[str] = mapped_column(String(1000))
    """The folder of the weights."""
    scores: Mapped[bytes] = mapped_column()
    """JSON: the list of `skyhook.function.Score`s that it was published with."""
    published_at: Mapped[datetime] = mapped_column(default=now)
    withdrawn_at: Mapped[datetime | None] = mapped_column()
