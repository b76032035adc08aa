"""What other plugins ask of chat models: `chatStream` in process, in a JSON form that is kept stable."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from skyhook.plugin import Ask, InvalidInput
from skyhook_chat.completions import Completions, Event
from skyhook_chat.requests import DEFAULT_MODEL, CompletionRequest, check_message, check_sampling, check_tool
from skyhook_functions.chat.messages import Message, Tool


class ChatAsk(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A prompt; see docs/plugins.md."""

    model: str = DEFAULT_MODEL
    messages: list[Message]
    tools: list[Tool] = []
    max_tokens: int | None = None
    temperature: float = 1.0
    top_p: float = 1.0
    stop: list[str] = []
    seed: int | None = None


async def stream(ask: Ask, request: ChatAsk) -> AsyncGenerator[Event, None]:
    """The answer as it is written. Raises InvalidInput, ModelNotFound, and what a call can raise."""
    model = await ask.model(request.model)
    if not request.messages:
        raise InvalidInput("A prompt has at least one message.", field="messages")
    completion = CompletionRequest(
        messages=[
            check_message(message.role, message.content, message.tool_calls, message.tool_call_id)
            for message in request.messages
        ],
        tools=[check_tool(tool.name, tool.description, tool.parameters) for tool in request.tools],
        sampling=check_sampling(
            model,
            max_tokens=request.max_tokens,
            temperature=request.temperature,
            top_p=request.top_p,
            stop=request.stop,
            seed=request.seed,
        ),
    )
    completions = Completions(ask.operations)
    events = completions.stream(ask.caller, model, completion, ask.idempotency_key, ask.charged)
    async with aclosing(events):
        async for event in events:
            yield event
