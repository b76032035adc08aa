"""A chat function that answers at once, so that what is measured is everything around a model."""

from __future__ import annotations

from skyhook.function import function
from skyhook_functions.chat.messages import Completion, GenerateRequest

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

    def complete(self, request: GenerateRequest) -> Completion:
        """The same answer to everybody."""
        return ANSWER
