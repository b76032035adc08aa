"""What a session is set to: by default, and by its client."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from skyhook_voice.realtime.events import (
    MaxTokens,
    PcmFormat,
    ResponseChange,
    SessionChange,
    Tool,
    TurnDetection,
)
from skyhook_voice.types import DEFAULT_MODEL, DEFAULT_VOICE

INSTRUCTIONS = "You are on the phone. Answer in one or two short sentences, without lists or markup."
USUAL_SPEED = 175
"""In words a minute: a speed of 1."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a session, or one of its responses, works."""

    instructions: str = INSTRUCTIONS
    modality: str = "audio"
    max_output_tokens: MaxTokens = "inf"
    tools: list[Tool] = field(default_factory=list)
    recognizer: str = DEFAULT_MODEL
    turn_detection: TurnDetection | None = field(default_factory=TurnDetection)
    voice: str = DEFAULT_VOICE
    speed: float = 1.0

    def changed(self, change: SessionChange) -> Settings:
        """The settings after `session.update`."""
        heard, spoken = change.audio.input, change.audio.output
        changed = self.for_response(change)
        if not isinstance(heard.turn_detection, UnsetType):
            changed = replace(changed, turn_detection=heard.turn_detection)
        if not isinstance(heard.transcription, UnsetType):
            model = heard.transcription.model if heard.transcription else DEFAULT_MODEL
            changed = replace(changed, recognizer=model)
        if not isinstance(spoken.voice, UnsetType):
            changed = replace(changed, voice=spoken.voice)
        if not isinstance(spoken.speed, UnsetType):
            changed = replace(changed, speed=spoken.speed)
        return changed

    def for_response(self, change: ResponseChange | SessionChange) -> Settings:
        """The settings of one response."""
        given: dict[str, Any] = {
            "instructions": change.instructions,
            "max_output_tokens": change.max_output_tokens,
            "tools": change.tools,
        }
        if not isinstance(change.output_modalities, UnsetType):
            given["modality"] = change.output_modalities[0]
        return replace(self, **{name: value for name, value in given.items() if value is not UNSET})

    def shown(self) -> dict[str, Any]:
        """The settings as the protocol has them."""
        pcm = msgspec.to_builtins(PcmFormat())
        return {
            "output_modalities": [self.modality],
            "instructions": self.instructions,
            "tools": msgspec.to_builtins(self.tools),
            "tool_choice": "auto",
            "max_output_tokens": self.max_output_tokens,
            "audio": {
                "input": {
                    "format": pcm,
                    "transcription": {"model": self.recognizer},
                    "turn_detection": msgspec.to_builtins(self.turn_detection),
                },
                "output": {"format": pcm, "voice": self.voice, "speed": self.speed},
            },
        }
