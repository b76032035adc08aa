"""What a client sends: the events of the Realtime protocol that a session understands."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from skyhook_voice.errors import EventInvalid

LONGEST_INSTRUCTIONS = 8_000
LONGEST_TEXT = 4_000
MOST_TOOLS = 32


class PcmFormat(Struct, frozen=True):
    """The only format of sound, in and out: 16-bit samples of one channel at 24 kHz."""

    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class TurnDetection(Struct, frozen=True, kw_only=True):
    """When a turn of the caller begins and ends, and what follows."""

    type: Literal["server_vad"] = "server_vad"
    threshold: Annotated[float, Meta(ge=0, le=1)] = 0.5
    prefix_padding_ms: Annotated[int, Meta(ge=0, le=2_000)] = 300
    silence_duration_ms: Annotated[int, Meta(ge=100, le=5_000)] = 500
    create_response: bool = True
    interrupt_response: bool = True


class Transcription(Struct, frozen=True):
    """The recognizer."""

    model: str


class InputChange(Struct, frozen=True):
    """Changes of how the caller is heard."""

    format: PcmFormat | UnsetType = UNSET
    transcription: Transcription | UnsetType | None = UNSET
    turn_detection: TurnDetection | UnsetType | None = UNSET


class OutputChange(Struct, frozen=True):
    """Changes of how answers are spoken."""

    format: PcmFormat | UnsetType = UNSET
    voice: str | UnsetType = UNSET
    speed: Annotated[float, Meta(ge=0.5, le=2.0)] | UnsetType = UNSET


class AudioChange(Struct, frozen=True):
    """Changes of both."""

    input: InputChange = InputChange()
    output: OutputChange = OutputChange()


class Tool(Struct, frozen=True):
    """A function that the mind may ask the client to call."""

    type: Literal["function"]
    name: Annotated[str, Meta(min_length=1, max_length=64)]
    description: str = ""
    parameters: dict[str, Any] = {}


Modalities = Annotated[list[Literal["audio", "text"]], Meta(min_length=1, max_length=1)]
MaxTokens = Annotated[int, Meta(ge=1, le=4_096)] | Literal["inf"]
Tools = Annotated[list[Tool], Meta(max_length=MOST_TOOLS)]
Instructions = Annotated[str, Meta(max_length=LONGEST_INSTRUCTIONS)]
Text = Annotated[str, Meta(max_length=LONGEST_TEXT)]


class SessionChange(Struct, frozen=True):
    """What `session.update` changes; what is not there stays."""

    type: Literal["realtime"] | UnsetType = UNSET
    instructions: Instructions | UnsetType = UNSET
    output_modalities: Modalities | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    tools: Tools | UnsetType = UNSET
    audio: AudioChange = AudioChange()


class Part(Struct, frozen=True):
    """A part of an item that a client makes."""

    type: Literal["input_text", "output_text"]
    text: Text


class NewItem(Struct, frozen=True):
    """An item that a client adds to the conversation: a text, or what a function gave."""

    type: Literal["message", "function_call_output"]
    id: str | None = None
    role: Literal["user", "system", "assistant"] = "user"
    content: Annotated[list[Part], Meta(max_length=16)] = []
    call_id: str = ""
    output: Text = ""


class ResponseChange(Struct, frozen=True):
    """What one response has otherwise than the session."""

    instructions: Instructions | UnsetType = UNSET
    output_modalities: Modalities | UnsetType = UNSET
    max_output_tokens: MaxTokens | UnsetType = UNSET
    tools: Tools | UnsetType = UNSET


class ClientEvent(Struct, frozen=True, kw_only=True, tag_field="type"):
    """Any event of a client."""

    event_id: str | None = None


class SessionUpdate(ClientEvent, frozen=True, kw_only=True, tag="session.update"):
    session: SessionChange


class Append(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.append"):
    audio: bytes
    """Base64 on the wire."""


class Commit(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.commit"):
    pass


class Clear(ClientEvent, frozen=True, kw_only=True, tag="input_audio_buffer.clear"):
    pass


class ItemCreate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.create"):
    item: NewItem
    previous_item_id: str | None = None


class ItemDelete(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.delete"):
    item_id: str


class ItemTruncate(ClientEvent, frozen=True, kw_only=True, tag="conversation.item.truncate"):
    item_id: str
    content_index: int = 0
    audio_end_ms: Annotated[int, Meta(ge=0)]


class ResponseCreate(ClientEvent, frozen=True, kw_only=True, tag="response.create"):
    response: ResponseChange = ResponseChange()


class ResponseCancel(ClientEvent, frozen=True, kw_only=True, tag="response.cancel"):
    response_id: str | None = None


Event = (
    SessionUpdate
    | Append
    | Commit
    | Clear
    | ItemCreate
    | ItemDelete
    | ItemTruncate
    | ResponseCreate
    | ResponseCancel
)
_decode = msgspec.json.Decoder(Event).decode


class _Id(Struct):
    event_id: str | None = None


def read(message: str | bytes) -> Event:
    """The event in a message. Raises EventInvalid."""
    if isinstance(message, bytes):
        raise EventInvalid(
            "Events are text frames of JSON; sound goes as base64 in input_audio_buffer.append."
        )
    try:
        event: Event = _decode(message)
        return event
    except (msgspec.MsgspecError, RecursionError) as error:
        raise EventInvalid(f"This is no event that the session understands: {error}") from error


def id_of(message: str | bytes) -> str | None:
    """The `event_id` of a message that is not understood, where it has one."""
    try:
        return msgspec.json.decode(message, type=_Id).event_id
    except (msgspec.MsgspecError, RecursionError):
        return None
