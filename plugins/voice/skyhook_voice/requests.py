"""What may be asked for, checked before anything is held, and what is stored under an idempotency key."""

from __future__ import annotations

from uuid import UUID

from msgspec import Struct

from skyhook.plugin import GlobalID, Info, InvalidInput, StoredArtifact, node_uuid
from skyhook_functions.voice.messages import FASTEST, LONGEST_TEXT, SLOWEST, Segment, Utterance
from skyhook_voice.errors import NotSound
from skyhook_voice.scopes import ARTIFACTS_READ

LONGEST_STREAM = 1_000
"""In characters: what is streamed is kept whole under its idempotency key."""
LARGEST_RECORDING = 64 << 20
"""In bytes."""


class Spoken(Struct, frozen=True, kw_only=True):
    """A text that was spoken."""

    artifact: UUID
    duration_ms: int
    characters: int
    cost: int


class SpokenPart(Struct, frozen=True, kw_only=True):
    """Part of a text that is spoken; the last one has no sound, but how long all is and what it cost."""

    pcm: bytes | None = None
    duration_ms: int | None = None
    cost: int | None = None


class Heard(Struct, frozen=True, kw_only=True):
    """What was said in a recording."""

    duration_ms: int
    segments: list[Segment]
    cost: int


def check_utterance(
    text: str, voice: str, speed: int, pitch: int, *, longest: int = LONGEST_TEXT
) -> Utterance:
    """What shall be spoken, and how. Raises InvalidInput."""
    if not 0 < len(text) <= longest or not any(letter.isalnum() for letter in text):
        raise InvalidInput(
            f"A text has 1 to {longest} characters, letters or digits among them.", field="text"
        )
    if not SLOWEST <= speed <= FASTEST:
        raise InvalidInput(f"speed is {SLOWEST} to {FASTEST} words a minute.", field="speed")
    if not 0 <= pitch <= 99:
        raise InvalidInput("pitch is 0 to 99.", field="pitch")
    return Utterance(text, voice, speed, pitch)


async def recording(info: Info, id: GlobalID) -> StoredArtifact:
    """A sound of the organization. Raises SCOPE_MISSING, NOT_FOUND and NotSound."""
    caller = info.context.caller
    caller.require(ARTIFACTS_READ)
    found: StoredArtifact = await info.context.services.artifacts.get(
        caller.organization_id, node_uuid(id, "Artifact", "audio")
    )
    if found.media_type.partition("/")[0] not in ("audio", "application") and found.media_type != "video/ogg":
        raise NotSound(
            f"{found.name} is {found.media_type}: name a WAV, FLAC, OGG or MP3 file.", field="audio"
        )
    return found
