"""Completions: one request through the way of a call, as one answer or as a stream."""

from __future__ import annotations

import os
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from uuid import UUID

import msgspec

from skyhook.plugin import Asked, Call, Caller, CatalogueModel, Operations, SkyhookError, new_id
from skyhook_chat.requests import CompletionRequest, most_tokens
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import Completion, GenerateRequest, ToolCall, UpstreamRequest
from skyhook_functions.chat.upstream import UpstreamChat
from skyhook_functions.chat.vllm_model import VllmModel
from skyhook_functions.chat.whole import Whole

INPUT_TOKENS = "chat.input_tokens"
OUTPUT_TOKENS = "chat.output_tokens"
VLLM = "vllm"
"""The engine of models that vLLM runs."""


class UpstreamNotConfigured(SkyhookError):
    """The upstream's key is not in the server's environment."""

    code = "UPSTREAM_NOT_CONFIGURED"
    status = 503


class Usage(msgspec.Struct, frozen=True):
    """What a completion used."""

    prompt_tokens: int
    completion_tokens: int
    cost: int
    """Nano-dollars."""


class Finished(msgspec.Struct, frozen=True, kw_only=True):
    """A whole completion, as it is stored under an idempotency key."""

    id: UUID
    model: str
    text: str
    tool_calls: list[ToolCall]
    finish_reason: str
    usage: Usage
    message_ids: list[UUID]
    """Ids of the request's new messages in the conversation, then of the answer."""


class Event(msgspec.Struct, frozen=True, kw_only=True):
    """Part of a streamed completion; the last one carries the whole in `finished`."""

    text: str = ""
    tool_call: ToolCall | None = None
    finished: Finished | None = None


class Completions:
    """Runs completions on the model that the caller names."""

    def __init__(self, operations: Operations) -> None:
        self._operations = operations

    async def complete(
        self,
        caller: Caller,
        model: CatalogueModel,
        request: CompletionRequest,
        idempotency_key: str | None,
        charged: Callable[[int, int], None],
    ) -> Finished:
        """One whole answer; `charged` is told what was held and charged, in nano-dollars."""

        async def body(call: Call) -> Finished:
            # Streamed as well, since closing a stream stops the model when the caller goes away.
            whole = Whole()
            async for _ in _events(call, model, request, whole):
                pass
            return _finish(call, request, whole.completion())

        asked = _asked("chatComplete", caller, model, request, idempotency_key)
        answer = await self._operations.run(asked, Finished, body)
        charged(answer.held, answer.charged)
        return answer.result

    def stream(
        self,
        caller: Caller,
        model: CatalogueModel,
        request: CompletionRequest,
        idempotency_key: str | None,
        charged: Callable[[int, int], None],
    ) -> AsyncGenerator[Event, None]:
        """The answer as it is written; a caller who goes away is charged for what was written."""
        whole = Whole()

        def body(call: Call) -> AsyncGenerator[Event, None]:
            return _events(call, model, request, whole)

        def last(call: Call) -> Event:
            return Event(finished=_finish(call, request, whole.completion()))

        asked = _asked("chatStream", caller, model, request, idempotency_key)
        return self._operations.stream(asked, Event, body, last, charged)


async def _events(
    call: Call, model: CatalogueModel, request: CompletionRequest, whole: Whole
) -> AsyncGenerator[Event, None]:
    """The parts of the answer as the model makes them, metered and gathered in `whole`."""
    if model.source == "upstream":
        deltas = call.stream(UpstreamChat.generate, _to_upstream(model, request))
    elif model.engine == VLLM:
        deltas = call.stream(VllmModel.generate, _to_function(call, model, request))
    else:
        deltas = call.stream(ChatModel.generate, _to_function(call, model, request))
    async with aclosing(deltas):
        async for delta in deltas:
            whole.add(delta)
            _meter(call, whole.prompt_tokens, whole.completion_tokens)
            if delta.text or delta.tool_call:
                yield Event(text=delta.text, tool_call=delta.tool_call)


def _asked(
    operation: str, caller: Caller, model: CatalogueModel, request: CompletionRequest, key: str | None
) -> Asked:
    prompt, answer = most_tokens(request, model)
    return Asked(
        caller=caller,
        operation=operation,
        arguments=request,
        at_most={INPUT_TOKENS: prompt, OUTPUT_TOKENS: answer},
        model=model,
        idempotency_key=key,
    )


def _meter(call: Call, prompt_tokens: int, completion_tokens: int) -> None:
    call.quantities[INPUT_TOKENS] = prompt_tokens
    call.quantities[OUTPUT_TOKENS] = completion_tokens


def _finish(call: Call, request: CompletionRequest, completion: Completion) -> Finished:
    assert call.asked.model is not None
    return Finished(
        id=new_id(),
        model=call.asked.model.name,
        text=completion.text,
        tool_calls=completion.tool_calls,
        finish_reason=completion.finish_reason,
        usage=Usage(completion.prompt_tokens, completion.completion_tokens, call.cost),
        message_ids=[new_id() for _ in range(request.new_messages + 1)] if request.conversation_id else [],
    )


def _to_function(call: Call, model: CatalogueModel, request: CompletionRequest) -> GenerateRequest:
    return GenerateRequest(
        model=model.location,
        messages=request.messages,
        tools=request.tools,
        sampling=request.sampling,
        cache_salt=call.asked.caller.organization_id.hex,
        adapter=model.adapter,
    )


def _to_upstream(model: CatalogueModel, request: CompletionRequest) -> UpstreamRequest:
    api_key = os.environ.get(model.api_key_variable, "") if model.api_key_variable else "none"
    if not api_key:
        raise UpstreamNotConfigured(
            f"The server has no {model.api_key_variable} in its environment; "
            f"an operator sets it to the key of {model.location}."
        )
    return UpstreamRequest(
        base_url=model.location,
        api_key=api_key,
        model=model.upstream_name or model.name,
        messages=request.messages,
        tools=request.tools,
        sampling=request.sampling,
    )
