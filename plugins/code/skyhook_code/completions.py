"""Completions of code: by a model of this plugin, or by any chat model, asked for by another plugin."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Literal

from msgspec import Struct

from skyhook.plugin import Asked, Asks, Call, Caller, CatalogueModel, Operations
from skyhook_code.meters import INPUT_TOKENS, OUTPUT_TOKENS
from skyhook_code.tidying import Tidy
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import GenerateRequest, Message, Sampling
from skyhook_functions.chat.whole import Whole

MOST_PREFIX, MOST_SUFFIX = 6000, 2000
"""How many characters around the cursor a chat model sees."""
PREFIX_SHARE = 0.75
"""Of what a model of this plugin sees."""
TEMPLATE_TOKENS = 64
"""More than any template adds around prefix and suffix."""
INSTRUCTION = """\
You complete code. The user sends a file in which <CURSOR> marks a place. \
Answer with the code that belongs there and with nothing else: no explanation, no Markdown, \
nothing of what stands before or after the mark."""


class Completing(Struct, frozen=True, kw_only=True):
    """What is to be completed; it holds everything that determines the answer but the model."""

    prefix: str
    suffix: str
    language: str
    line: bool
    max_tokens: int
    temperature: float


class Usage(Struct, frozen=True):
    """What a completion used."""

    prompt_tokens: int
    completion_tokens: int
    cost: int
    """Nano-dollars."""


class Completed(Struct, frozen=True, kw_only=True):
    """A whole completion, as it is stored under an idempotency key."""

    text: str
    model: str
    finish_reason: str
    usage: Usage


class Event(Struct, frozen=True, kw_only=True):
    """A part of a completion; the last one carries the whole in `completed`."""

    text: str = ""
    completed: Completed | None = None


class ChatMessage(Struct, frozen=True):
    """A message of chatStream."""

    role: str
    content: str


class ChatRequest(Struct, frozen=True, kw_only=True):
    """What chatStream takes."""

    model: str
    messages: list[ChatMessage]
    max_tokens: int
    temperature: float


class ChatFinished(Struct, frozen=True):
    """What chatStream ends with."""

    finish_reason: str
    usage: Usage


class ChatEvent(Struct, frozen=True):
    """What chatStream gives."""

    text: str = ""
    finished: ChatFinished | None = None


class ModelCompletions:
    """Completes by a model of this plugin, which was trained to fill in the middle."""

    def __init__(self, operations: Operations, model: CatalogueModel) -> None:
        self._operations = operations
        self._model = model

    def stream(
        self,
        operation: Literal["codeComplete", "codeCompleteStream"],
        caller: Caller,
        request: Completing,
        idempotency_key: str | None,
        charged: Callable[[int, int], None],
    ) -> AsyncGenerator[Event, None]:
        """The completion as it is written. Raises InvalidInput, and what a call can raise."""
        whole = Whole()
        prefix, suffix = self._seen(request)
        asked = Asked(
            caller=caller,
            operation=operation,
            arguments=request,
            at_most={
                INPUT_TOKENS: len(prefix.encode()) + len(suffix.encode()) + TEMPLATE_TOKENS,
                OUTPUT_TOKENS: request.max_tokens,
            },
            model=self._model,
            idempotency_key=idempotency_key,
        )

        async def body(call: Call) -> AsyncGenerator[Event, None]:
            deltas = call.stream(ChatModel.generate, self._request(call, request, prefix, suffix))
            async with aclosing(deltas):
                async for delta in deltas:
                    whole.add(delta)
                    call.quantities[INPUT_TOKENS] = whole.prompt_tokens
                    call.quantities[OUTPUT_TOKENS] = whole.completion_tokens
                    if delta.text:
                        yield Event(text=delta.text)

        def last(call: Call) -> Event:
            completion = whole.completion()
            usage = Usage(completion.prompt_tokens, completion.completion_tokens, call.cost)
            completed = Completed(
                text=completion.text,
                model=self._model.name,
                finish_reason=completion.finish_reason,
                usage=usage,
            )
            return Event(completed=completed)

        return self._operations.stream(asked, Event, body, last, charged)

    def _seen(self, request: Completing) -> tuple[str, str]:
        """What is seen of prefix and suffix: as many bytes as there may be tokens, so that it always fits."""
        room = max(0, self._model.context_tokens - request.max_tokens - TEMPLATE_TOKENS)
        suffix = request.suffix.encode()[: int(room * (1 - PREFIX_SHARE))].decode(errors="ignore")
        left = room - len(suffix.encode())
        return request.prefix.encode()[-left:].decode(errors="ignore") if left else "", suffix

    def _request(self, call: Call, request: Completing, prefix: str, suffix: str) -> GenerateRequest:
        return GenerateRequest(
            model=self._model.location,
            messages=[Message("prefix", prefix), Message("suffix", suffix)],
            tools=[],
            sampling=Sampling(
                max_tokens=request.max_tokens,
                temperature=request.temperature,
                stop=["\n"] if request.line else [],
            ),
            cache_salt=call.asked.caller.organization_id.hex,
        )


class ChatCompletions:
    """Completes by a chat model, which the caller pays for as for any answer of it."""

    def __init__(self, asks: Asks, model: str) -> None:
        self._asks = asks
        self._model = model

    async def stream(
        self,
        caller: Caller,
        request: Completing,
        idempotency_key: str | None,
        charged: Callable[[int, int], None],
    ) -> AsyncGenerator[Event, None]:
        """The completion as it is written. Raises what chatStream raises, such as MODEL_NOT_FOUND."""
        tidy = Tidy(request.prefix, line=request.line)
        texts: list[str] = []
        finished: ChatFinished | None = None
        events = self._asks.stream(
            caller,
            "chatStream",
            self._request(request),
            ChatEvent,
            idempotency_key=idempotency_key,
            charged=charged,
        )
        async with aclosing(events):
            async for event in events:
                finished = event.finished or finished
                texts.append(tidy.finish() if event.finished else tidy.feed(event.text))
                if texts[-1]:
                    yield Event(text=texts[-1])
        assert finished is not None  # chatStream ends with it, or raises
        yield Event(
            completed=Completed(
                text="".join(texts),
                model=self._model,
                finish_reason=finished.finish_reason,
                usage=finished.usage,
            )
        )

    def _request(self, request: Completing) -> ChatRequest:
        code = f"{request.prefix[-MOST_PREFIX:]}<CURSOR>{request.suffix[:MOST_SUFFIX]}"
        language = f"The language is {request.language}.\n" if request.language else ""
        ending = "Complete the current line only.\n" if request.line else ""
        return ChatRequest(
            model=self._model,
            messages=[ChatMessage("system", INSTRUCTION), ChatMessage("user", f"{language}{ending}\n{code}")],
            max_tokens=request.max_tokens,
            temperature=request.temperature,
        )
