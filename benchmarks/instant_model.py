"""A chat function that answers at once, so that what is measured is everything around a model."""

from __future__ import annotations

from collections.abc import Iterator

from skyhook.function import function
from skyhook_functions.chat.messages import Completion, Delta, GenerateRequest

ANSWER = Completion(
    text="Skyhook is a serverless platform for AI APIs.",
    tool_calls=[],
    finish_reason="stop",
    prompt_tokens=12,
    completion_tokens=9,
)


@function(concurrency=64)
class InstantChat:
    """Stands in for `skyhook_functions.chat.local.ChatModel`, in a real worker process of its own."""

    def generate(self, request: GenerateRequest) -> Iterator[Delta]:
        """The same answer to everybody, in one part."""
        yield Delta(
            text=ANSWER.text,
            finish_reason=ANSWER.finish_reason,
            prompt_tokens=ANSWER.prompt_tokens,
            completion_tokens=ANSWER.completion_tokens,
        )
