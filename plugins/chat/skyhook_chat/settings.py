"""The plugin's settings."""

from __future__ import annotations

import msgspec


class ChatSettings(msgspec.Struct, frozen=True):
    """What an operator can set."""

    default_model: str = "skyhook-small"
    """The model of a request that names none."""
