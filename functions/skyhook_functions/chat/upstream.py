"""The chat function over any OpenAI-compatible server: vLLM, SGLang, Ollama, or a commercial API."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import msgspec

from skyhook.function import FunctionError, function
from skyhook_functions.chat.messages import (
    Delta,
    ToolCall,
    UpstreamRequest,
    message_form,
    tool_form,
)

if TYPE_CHECKING:
    from openai import OpenAI, Stream
    from openai.types.chat import ChatCompletionChunk
    from openai.types.chat.chat_completion_chunk import ChoiceDeltaToolCall

TIMEOUT_S = 120.0
"""The longest that a server may be silent, in seconds."""
CONNECT_S = 10.0
MOST_CLIENTS = 32
FINISH_REASONS = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


@function(requirements=("openai>=3",), memory_gib=0.5, concurrency=64)
class UpstreamChat:
    """Answers conversations with a model of another server, through the official client."""

    def load(self) -> None:
        """Imports the client."""
        import openai  # noqa: F401

        self._clients: OrderedDict[tuple[str, str], OpenAI] = OrderedDict()
        self._lock = threading.Lock()

    def generate(self, request: UpstreamRequest) -> Iterator[Delta]:
        """The answer as the server sends it.

        Servers count at the end. Until then, and where a server sends no usage at all, the counts are
        estimates: a quarter of the prompt's bytes, and one token for each piece of the answer.
        Raises UPSTREAM_REFUSED, UPSTREAM_RATE_LIMITED, UPSTREAM_UNAVAILABLE, UPSTREAM_TIMEOUT and
        UPSTREAM_BAD_RESPONSE.
        """
        with _errors(request.base_url):
            stream = self._client(request).chat.completions.create(**_parameters(request))
            with stream:
                yield from _deltas(stream, _estimated_prompt_tokens(request))

    def _client(self, request: UpstreamRequest) -> OpenAI:
        """A client for the server and key; it keeps connections open between calls."""
        from openai import OpenAI, Timeout

        address = (request.base_url, request.api_key)
        with self._lock:
            if address not in self._clients:
                # No retries: a request that may have been served must not be paid for twice.
                self._clients[address] = OpenAI(
                    base_url=request.base_url,
                    api_key=request.api_key or "none",
                    timeout=Timeout(TIMEOUT_S, connect=CONNECT_S),
                    max_retries=0,
                )
                if len(self._clients) > MOST_CLIENTS:
                    # Not closed: a call may be using it. It closes when the last one drops it.
                    self._clients.popitem(last=False)
            self._clients.move_to_end(address)
            return self._clients[address]


def _estimated_prompt_tokens(request: UpstreamRequest) -> int:
    return -(-len(msgspec.json.encode((request.messages, request.tools))) // 4)


def _deltas(stream: Stream[ChatCompletionChunk], prompt_tokens: int) -> Iterator[Delta]:
    """The server's chunks as Deltas; `prompt_tokens` is an estimate until the server's own count comes."""
    calls: dict[int, list[str]] = {}
    reason, usage, pieces = None, None, 0
    yield Delta(prompt_tokens=prompt_tokens)
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices[:1]:
            if choice.delta.content:
                pieces += 1
                yield Delta(text=choice.delta.content, completion_tokens=pieces)
            for part in choice.delta.tool_calls or []:
                pieces += 1
                _add_part(calls, part)
            reason = choice.finish_reason or reason
    for call_id, name, arguments in calls.values():
        yield Delta(tool_call=ToolCall(call_id, name, arguments or "{}"))
    if reason is None:
        raise FunctionError(
            "UPSTREAM_BAD_RESPONSE", "The server ended its answer without a finish_reason: ask again."
        )
    details = usage.prompt_tokens_details if usage else None
    yield Delta(
        finish_reason="tool_calls" if calls else FINISH_REASONS.get(reason, "stop"),
        prompt_tokens=usage.prompt_tokens if usage else prompt_tokens,
        completion_tokens=usage.completion_tokens if usage else pieces,
        cached_tokens=details.cached_tokens if details else None,
    )


def _add_part(calls: dict[int, list[str]], part: ChoiceDeltaToolCall) -> None:
    """Adds a piece of a tool call to what came before: [id, name, arguments]."""
    call = calls.setdefault(part.index, ["", "", ""])
    call[0] = part.id or call[0]
    if part.function is not None:
        call[1] += part.function.name or ""
        call[2] += part.function.arguments or ""


@contextmanager
def _errors(base_url: str) -> Iterator[None]:
    """Gives the client's errors their codes."""
    import openai

    try:
        yield
    except openai.APITimeoutError as error:
        raise FunctionError(
            "UPSTREAM_TIMEOUT", f"{base_url} was silent for too long: try again later.", retryable=True
        ) from error
    except openai.APIConnectionError as error:
        raise _unavailable(base_url, "cannot be reached or broke the connection: is it running?") from error
    except openai.RateLimitError as error:
        raise FunctionError(
            "UPSTREAM_RATE_LIMITED", f"{base_url} limits the rate: {error.message}", retryable=True
        ) from error
    except openai.InternalServerError as error:
        raise _unavailable(base_url, f"answered with status {error.status_code}: try again later.") from error
    except openai.APIStatusError as error:
        raise FunctionError("UPSTREAM_REFUSED", f"{base_url} refused the request: {error.message}") from error
    except openai.APIError as error:
        # The server reports an error in the middle of a stream in this way.
        raise FunctionError("UPSTREAM_BAD_RESPONSE", f"{base_url} broke off: {error.message}") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise FunctionError(
            "UPSTREAM_BAD_RESPONSE", f"{base_url} does not answer in the protocol of OpenAI's API."
        ) from error


def _unavailable(base_url: str, what: str) -> FunctionError:
    return FunctionError("UPSTREAM_UNAVAILABLE", f"{base_url} {what}", retryable=True)


def _parameters(request: UpstreamRequest) -> dict[str, Any]:
    sampling = request.sampling
    parameters: dict[str, Any] = {
        "model": request.model,
        "messages": [message_form(message, parse_arguments=False) for message in request.messages],
        "max_tokens": sampling.max_tokens,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    if sampling.stop:
        parameters["stop"] = sampling.stop
    if sampling.seed is not None:
        parameters["seed"] = sampling.seed
    if request.tools:
        parameters["tools"] = [tool_form(tool) for tool in request.tools]
    return parameters
