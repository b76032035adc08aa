"""When the caller's turns begin and end, by how likely there is speech in each frame of 32 ms."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from skyhook_voice.realtime.events import TurnDetection

FRAME_MS = 32
STARTING_FRAMES = 2
"""So many frames of speech together begin a turn: one alone is a click."""
RELEASE = 0.15
"""How far below the threshold speech may fall before it is silence."""


@dataclass(frozen=True, slots=True)
class Change:
    """A turn begins or ends, at a place of the session's sound in milliseconds."""

    kind: Literal["started", "stopped"]
    at_ms: int


@dataclass(slots=True)
class Turns:
    """Follows the frames of one session."""

    at_ms: int = 0
    """How much was listened to."""
    is_speaking: bool = False
    last_loud_at: float = 0.0
    """When speech was last listened to, by the monotonic clock."""
    _loud: int = 0
    _last_loud_ms: int = 0

    def follow(self, likely: float, rule: TurnDetection) -> Change | None:
        """Takes in a frame; what it changes."""
        limit = rule.threshold - RELEASE if self.is_speaking else rule.threshold
        self.at_ms += FRAME_MS
        if likely >= limit:
            self._loud += 1
            self._last_loud_ms = self.at_ms
            self.last_loud_at = time.monotonic()
        else:
            self._loud = 0
        if not self.is_speaking and self._loud >= STARTING_FRAMES:
            self.is_speaking = True
            return Change("started", max(0, self.at_ms - self._loud * FRAME_MS - rule.prefix_padding_ms))
        if self.is_speaking and self.at_ms - self._last_loud_ms >= rule.silence_duration_ms:
            self.is_speaking = False
            return Change("stopped", self.at_ms)
        return None

    def forget(self) -> None:
        """The caller's turn is over, or was taken back."""
        self.is_speaking = False
        self._loud = 0
