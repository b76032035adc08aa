"""What the chat functions take and give: the structs that they share with the chat plugin."""

from __future__ import annotations

import json
from typing import Annotated, Any

from msgspec import Meta, Struct

from skyhook.function import WeightsFolder

StopString = Annotated[str, Meta(min_length=1)]


class ToolCall(Struct, frozen=True, omit_defaults=True):
    """A call of a tool that the model asks for."""

    id: str
    name: str
    arguments: str
    """JSON text of one object."""


class Message(Struct, frozen=True, omit_defaults=True):
    """One message of a conversation."""

    role: str
    """"system", "user", "assistant" or "tool"."""
    content: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None
    """In a "tool" message: the call that it answers."""
    name: str | None = None


class Tool(Struct, frozen=True, omit_defaults=True):
    """A tool that the model may call."""

    name: str
    description: str
    parameters: dict[str, Any]
    """A JSON Schema of the arguments."""


class Sampling(Struct, frozen=True, omit_defaults=True):
    """How tokens are chosen and when the answer ends."""

    max_tokens: Annotated[int, Meta(ge=1)]
    temperature: Annotated[float, Meta(ge=0)] = 1.0
    """0 is greedy: the likeliest token each time."""
    top_p: Annotated[float, Meta(gt=0, le=1)] = 1.0
    stop: list[StopString] = []
    """The answer ends before the first of these strings that is completed."""
    seed: int | None = None
    """The same seed and prompt give the same tokens; without one, each answer is drawn anew."""
    fits_context: bool = False
    """Cuts `max_tokens` down to what the prompt leaves of the context, instead of refusing the request."""


class GenerateRequest(Struct, frozen=True, omit_defaults=True):
    """A request to a model of this worker."""

    model: WeightsFolder
    """The folder of a checkpoint in Hugging Face's format."""
    messages: list[Message]
    tools: list[Tool]
    sampling: Sampling
    cache_salt: str = ""
    """Prompt caches are shared between requests of the same salt only: give each organization its own."""
    adapter: WeightsFolder | None = None
    """The folder of a LoRA adapter of the model, in PEFT's format."""


class UpstreamRequest(Struct, frozen=True, omit_defaults=True):
    """A request to an OpenAI-compatible server."""

    base_url: str
    """Up to and with the version, such as "http://localhost:8000/v1"."""
    api_key: str
    model: str
    messages: list[Message]
    tools: list[Tool]
    sampling: Sampling


class Delta(Struct, frozen=True, omit_defaults=True):
    """A part of an answer. The first carries `prompt_tokens`; the last `finish_reason` and `cached_tokens`.

    One without any field says only that the stream lives, so that a caller can close it.
    """

    text: str = ""
    tool_call: ToolCall | None = None
    finish_reason: str | None = None
    """"stop", "length" or "tool_calls"."""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    """Tokens that the model made so far; in the last part with the one that ended the answer."""
    cached_tokens: int | None = None
    """Tokens of the prompt that came from the prompt cache."""


class Completion(Struct, frozen=True, omit_defaults=True):
    """A whole answer."""

    text: str
    tool_calls: list[ToolCall]
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int = 0


class CountRequest(Struct, frozen=True, omit_defaults=True):
    """Asks how long a prompt is."""

    model: WeightsFolder
    messages: list[Message]
    tools: list[Tool]


class Count(Struct, frozen=True, omit_defaults=True):
    """How long a prompt is, and how long it and the answer may be together."""

    prompt_tokens: int
    context_tokens: int


def tool_form(tool: Tool) -> dict[str, Any]:
    """The tool as OpenAI's API and chat templates take it."""
    return {
        "type": "function",
        "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
    }


def message_form(message: Message, *, parse_arguments: bool) -> dict[str, Any]:
    """The message as OpenAI's API takes it or, with parsed arguments of its calls, as chat templates do."""
    form: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        form["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {
                    "name": call.name,
                    "arguments": json.loads(call.arguments) if parse_arguments else call.arguments,
                },
            }
            for call in message.tool_calls
        ]
    if message.tool_call_id is not None:
        form["tool_call_id"] = message.tool_call_id
    if message.name is not None:
        form["name"] = message.name
    return form
