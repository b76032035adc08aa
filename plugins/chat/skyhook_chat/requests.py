"""What a caller asks of a model, checked and with its upper bound, before any model sees it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

import msgspec

from skyhook.plugin import CatalogueModel, InvalidInput
from skyhook_functions.chat.messages import Message, Sampling, Tool, ToolCall

ROLES = ("system", "user", "assistant", "tool")
MOST_STOPS = 4
LONGEST_STOP = 100
DEFAULT_MAX_TOKENS = 512
DEFAULT_MODEL = "skyhook-small"
TEMPLATE_TOKENS = 64
"""More than any known chat template adds around a whole request, and around each message."""


class CompletionRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request for one completion; it holds everything that determines the answer."""

    messages: list[Message]
    tools: list[Tool]
    sampling: Sampling
    conversation_id: UUID | None = None
    parent_id: UUID | None = None
    new_messages: int = 0
    """How many of `messages`, at the end, are new in the conversation."""


def check_message(role: str, content: str, tool_calls: list[ToolCall], tool_call_id: str | None) -> Message:
    """A message of the caller. Raises InvalidInput with the mend."""
    if role not in ROLES:
        raise InvalidInput(f"A role is one of {', '.join(ROLES)}; not {role!r}.", field="messages.role")
    if role == "tool" and not tool_call_id:
        raise InvalidInput("A message of a tool names the call it answers.", field="messages.toolCallId")
    if tool_calls and role != "assistant":
        raise InvalidInput("Only the assistant calls tools.", field="messages.toolCalls")
    return Message(role=role, content=content, tool_calls=tool_calls, tool_call_id=tool_call_id)


def check_tool(name: str, description: str, parameters: Any) -> Tool:
    """A tool that the model may call; `parameters` is a JSON Schema object. Raises InvalidInput."""
    if not name or len(name) > 64 or not name.replace("_", "").replace("-", "").isalnum():
        raise InvalidInput("A tool's name is 1 to 64 letters, digits, _ and -.", field="tools.name")
    if not isinstance(parameters, dict):
        raise InvalidInput("A tool's parameters are a JSON Schema object.", field="tools.parameters")
    return Tool(name=name, description=description, parameters=parameters)


def check_sampling(
    model: CatalogueModel,
    *,
    max_tokens: int | None,
    temperature: float,
    top_p: float,
    stop: list[str],
    seed: int | None,
) -> Sampling:
    """How the answer is drawn. Raises InvalidInput for what is out of range."""
    fits_context = max_tokens is None
    if max_tokens is None:
        max_tokens = min(DEFAULT_MAX_TOKENS, model.context_tokens)
    if not 1 <= max_tokens <= model.context_tokens:
        raise InvalidInput(f"maxTokens is 1 to {model.context_tokens} for {model.name}.", field="maxTokens")
    if not 0 <= temperature <= 2:
        raise InvalidInput("temperature is 0 (always the likeliest token) to 2.", field="temperature")
    if not 0 < top_p <= 1:
        raise InvalidInput("topP is above 0 and at most 1.", field="topP")
    if len(stop) > MOST_STOPS or not all(0 < len(text) <= LONGEST_STOP for text in stop):
        raise InvalidInput(
            f"stop is at most {MOST_STOPS} texts of 1 to {LONGEST_STOP} characters.", field="stop"
        )
    if seed is not None and not 0 <= seed < 2**63:
        raise InvalidInput("seed is 0 to 2^63 - 1.", field="seed")
    return Sampling(
        max_tokens=max_tokens,
        temperature=temperature,
        top_p=top_p,
        stop=stop,
        seed=seed,
        fits_context=fits_context,
    )


def most_tokens(request: CompletionRequest, model: CatalogueModel) -> tuple[int, int]:
    """Upper bounds of the prompt's and the answer's tokens, by the request alone.

    A token covers at least one byte in every byte-level vocabulary, and a prompt that does not fit the
    model's context is refused, so neither can be exceeded.
    """
    size = TEMPLATE_TOKENS + sum(
        TEMPLATE_TOKENS + len(msgspec.json.encode(message)) for message in request.messages
    )
    if request.tools:
        # Templates commonly write tools indented, which adds white space.
        size += sum(
            len(json.dumps(msgspec.to_builtins(tool), indent=4)) + TEMPLATE_TOKENS for tool in request.tools
        )
    return min(size, model.context_tokens), request.sampling.max_tokens
