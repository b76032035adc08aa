"""The plugin's GraphQL types and inputs."""

from __future__ import annotations

import base64
from typing import cast

import strawberry

from skyhook.plugin import Artifact, BigInt, CatalogueModel, GlobalID, StoredArtifact
from skyhook_functions.voice import messages
from skyhook_voice.requests import Heard, Spoken, SpokenPart

DEFAULT_VOICE = "en-us"
DEFAULT_MODEL = "skyhook-commands"


@strawberry.type(description="A voice that can speak.")
class VoiceVoice:
    """A voice."""

    name: str = strawberry.field(
        description="What requests name; with a variant behind it, such as en-us+f3, it sounds otherwise."
    )
    title: str = strawberry.field(description="What people call it.")
    language: str = strawberry.field(description="As a language tag, such as en-us.")
    gender: str = strawberry.field(description="male, female, or empty where the voice does not say.")


@strawberry.type(description="What can speak.")
class VoiceVoices:
    """The voices and their variants."""

    voices: list[VoiceVoice] = strawberry.field(description="Those that can be used now.")
    variants: list[str] = strawberry.field(description="Each goes with each voice.")

    @classmethod
    def of(cls, known: messages.Voices) -> VoiceVoices:
        """The GraphQL form of what the function lists."""
        voices = [
            VoiceVoice(name=v.name, title=v.title, language=v.language, gender=v.gender) for v in known.voices
        ]
        return cls(voices=voices, variants=known.variants)


@strawberry.input(description="A text to be spoken.")
class VoiceSpeakInput:
    """What voiceSpeak and voiceSpeakStream take."""

    text: str = strawberry.field(description="1 to 5000 characters; voiceSpeakStream takes up to 1000.")
    voice: str = strawberry.field(default=DEFAULT_VOICE, description="As voiceVoices names it.")
    speed: int = strawberry.field(default=175, description="80 to 450 words a minute.")
    pitch: int = strawberry.field(default=50, description="0 to 99.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.type(description="A text that was spoken.")
class VoiceSpeech:
    """A finished file."""

    artifact: Artifact = strawberry.field(
        description="A WAV file, 24 kHz, one channel, with signed provenance."
    )
    duration_ms: int = strawberry.field(description="How long it sounds, in milliseconds.")
    characters: int = strawberry.field(description="Those of the text, which are charged.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")

    @classmethod
    def of(cls, spoken: Spoken, stored: StoredArtifact) -> VoiceSpeech:
        """The GraphQL form of a result."""
        return cls(
            artifact=Artifact.of(stored),
            duration_ms=spoken.duration_ms,
            characters=spoken.characters,
            cost=cast("BigInt", spoken.cost),
        )


@strawberry.type(description="Part of a text that is spoken.")
class VoiceSpeechPart:
    """A part; the last one has no sound."""

    audio: str | None = strawberry.field(
        description="16-bit little-endian samples of one channel at 24 kHz, base64; null in the last event."
    )
    duration_ms: int | None = strawberry.field(description="Of all the sound, in the last event only.")
    cost: BigInt | None = strawberry.field(description="Nano-dollars, in the last event only.")

    @classmethod
    def of(cls, part: SpokenPart) -> VoiceSpeechPart:
        """The GraphQL form of a part."""
        return cls(
            audio=None if part.pcm is None else base64.b64encode(part.pcm).decode(),
            duration_ms=part.duration_ms,
            cost=cast("BigInt | None", part.cost),
        )


@strawberry.type(description="A model that recognizes speech.")
class VoiceModel:
    """A recognizer of the catalogue."""

    name: str = strawberry.field(description="What requests call it.")
    title: str = strawberry.field(description="What people call it.")
    description: str = strawberry.field(description="What it understands, and what it is not.")

    @classmethod
    def of(cls, model: CatalogueModel) -> VoiceModel:
        """The GraphQL form of a model."""
        return cls(name=model.name, title=model.title, description=model.description)


@strawberry.input(description="A recording to be transcribed.")
class VoiceTranscribeInput:
    """What voiceTranscribe takes."""

    audio: GlobalID = strawberry.field(
        description="An artifact: WAV, FLAC, OGG or MP3, of up to 10 minutes and 64 MiB."
    )
    model: str = strawberry.field(default=DEFAULT_MODEL, description="As voiceModels names it.")
    idempotency_key: str | None = strawberry.field(
        default=None, description="The same as the header Idempotency-Key, for transports without headers."
    )


@strawberry.type(description="A recognized word.")
class VoiceWord:
    """A word with its place in the recording."""

    text: str = strawberry.field(description="The word.")
    start_ms: int = strawberry.field(description="When it begins, in milliseconds of the recording.")
    end_ms: int = strawberry.field(description="When it ends, in milliseconds of the recording.")
    confidence: float = strawberry.field(
        description="How well the sound fits the word, from 0 to 1; no probability."
    )


@strawberry.type(description="A stretch of speech: a sentence of the grammar, or speech that is none.")
class VoiceSegment:
    """A stretch of speech."""

    start_ms: int = strawberry.field(description="When it begins, in milliseconds of the recording.")
    end_ms: int = strawberry.field(description="When it ends, in milliseconds of the recording.")
    is_command: bool = strawberry.field(
        description="Whether it was understood. Speech outside of the grammar is false and has no words."
    )
    text: str = strawberry.field(description="What was said; empty where it was not understood.")
    confidence: float = strawberry.field(description="From 0 to 1.")
    words: list[VoiceWord] = strawberry.field(description="Its words, with their times.")

    @classmethod
    def of(cls, segment: messages.Segment) -> VoiceSegment:
        """The GraphQL form of a segment."""
        return cls(
            start_ms=segment.start_ms,
            end_ms=segment.end_ms,
            is_command=segment.is_command,
            text=segment.text,
            confidence=segment.confidence,
            words=[
                VoiceWord(text=w.text, start_ms=w.start_ms, end_ms=w.end_ms, confidence=w.confidence)
                for w in segment.words
            ],
        )


@strawberry.type(
    description="What was said in a recording, as far as the model's command grammar has it. This is no "
    "dictation: only sentences of the grammar are recognized."
)
class VoiceTranscript:
    """A finished transcript."""

    text: str = strawberry.field(
        description="The recognized commands, a line each; a command grammar's sentences, not free speech."
    )
    segments: list[VoiceSegment] = strawberry.field(description="All speech that was found, in order.")
    duration_ms: int = strawberry.field(description="Of the recording.")
    model: VoiceModel = strawberry.field(description="The model that transcribed.")
    cost: BigInt = strawberry.field(description="Nano-dollars.")

    @classmethod
    def of(cls, heard: Heard, model: CatalogueModel) -> VoiceTranscript:
        """The GraphQL form of a result."""
        return cls(
            text="\n".join(segment.text for segment in heard.segments if segment.is_command),
            segments=[VoiceSegment.of(segment) for segment in heard.segments],
            duration_ms=heard.duration_ms,
            model=VoiceModel.of(model),
            cost=cast("BigInt", heard.cost),
        )
