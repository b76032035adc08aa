"""The shape of a training conversation: chat messages as every client sends them, and the tools on offer."""

from dataclasses import dataclass, field
from typing import Any

Message = dict[str, Any]
Tool = dict[str, Any]


@dataclass(frozen=True)
class Turn:
    """One exchange: a user message, what follows it, and the tools (if any) that it needs to be on offer."""

    messages: list[Message]
    tools: list[Tool] = field(default_factory=list)


@dataclass(frozen=True)
class Conversation:
    """Whole input of the chat template: an optional system message, then one or more turns."""

    messages: list[Message]
    tools: list[Tool]


def exchange(prompt: str, answer: str) -> Turn:
    """A turn of one user message and one plain answer."""
    return Turn([{"role": "user", "content": prompt}, {"role": "assistant", "content": answer}])


def call_message(name: str, arguments: dict[str, Any]) -> Message:
    """The assistant's message that calls one tool."""
    call = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}
