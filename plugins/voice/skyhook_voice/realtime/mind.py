"""The mind of a conversation: any chat model, asked for in process as the session's caller."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

OPERATION = "chatStream"


class ToolCall(Struct, frozen=True):
    """A function that the mind wants to be called."""

    id: str
    name: str
    arguments: str


class Message(Struct, frozen=True, omit_defaults=True):
    """A message of the conversation."""

    role: str
    content: str = ""
    tool_calls: list[ToolCall] = []
    tool_call_id: str | None = None


class MindTool(Struct, frozen=True):
    """A function that the mind may call."""

    name: str
    description: str
    parameters: dict[str, Any]


class Prompt(Struct, frozen=True):
    """What the mind is asked."""

    model: str
    messages: list[Message]
    tools: list[MindTool] = []
    max_tokens: int | None = None
    temperature: float = 0.0


class Usage(Struct, frozen=True):
    """What an answer took."""

    prompt_tokens: int
    completion_tokens: int
    cost: int


class Finished(Struct, frozen=True):
    """The end of an answer."""

    finish_reason: str
    usage: Usage


class Thought(Struct, frozen=True):
    """Part of an answer; the last one has `finished`."""

    text: str = ""
    tool_call: ToolCall | None = None
    finished: Finished | None = None
