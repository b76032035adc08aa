"""What an operator can set."""

from typing import Annotated

from msgspec import Meta, Struct


class VoiceSettings(Struct, frozen=True):
    """Of the plugin."""

    session_s: Annotated[
        int,
        Meta(
            title="Longest conversation",
            description="How long a spoken conversation may be, in seconds.",
            ge=1,
            le=86_400,
        ),
    ] = 1_800
    idle_s: Annotated[
        int,
        Meta(
            title="Longest silence of the client",
            description="How long a spoken conversation goes on without a message of the client, in seconds.",
            ge=1,
            le=86_400,
        ),
    ] = 300
