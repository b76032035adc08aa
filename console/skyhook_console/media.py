"""Artifacts as pages show them: what a browser can show of each, and its link on this site."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from skyhook.artifacts.media import is_shown
from skyhook.artifacts.models import Artifact
from skyhook.artifacts.service import Artifacts

Kind: TypeAlias = Literal["image", "video", "audio", "other"]
HOUR_S = 3600


@dataclass(frozen=True, slots=True)
class File:
    """An artifact with what a page needs to show it."""

    artifact: Artifact
    address: str
    """A path of this site, good for an hour at least."""
    poster: str | None = None
    """The path of the picture that stands for a video."""

    @property
    def kind(self) -> Kind:
        """What a browser can make of it."""
        return kind_of(self.artifact.media_type)


def kind_of(media_type: str) -> Kind:
    """What a browser can make of a media type; what may carry a script is only ever downloaded."""
    if is_shown(media_type):
        for kind in ("image", "video", "audio"):
            if media_type.startswith(f"{kind}/"):
                return kind
    return "other"


def address_of(artifacts: Artifacts, artifact: Artifact) -> str:
    """A link of this site, whatever the public address is, which browsers need not load twice in an hour."""
    # It ends with the next hour but one, so that it stays the same until the next.
    left_s = 2 * HOUR_S - time.time() % HOUR_S
    link = urlsplit(artifacts.url(artifact, timedelta(seconds=left_s + 0.5)))
    return urlunsplit(("", "", link.path, link.query, ""))
