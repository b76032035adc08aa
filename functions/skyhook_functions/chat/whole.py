"""The whole answer that a stream's parts make."""

from __future__ import annotations

from collections.abc import Iterable

from skyhook_functions.chat.messages import Completion, Delta, ToolCall


class Whole:
    """Gathers the parts of one answer; what is counted so far can be read at any time."""

    def __init__(self) -> None:
        self.prompt_tokens = 0
        self.completion_tokens = 0
        self._texts: list[str] = []
        self._tool_calls: list[ToolCall] = []
        self._finish_reason = "stop"
        self._cached_tokens = 0

    def add(self, delta: Delta) -> None:
        """Takes the next part."""
        self._texts.append(delta.text)
        if delta.tool_call is not None:
            self._tool_calls.append(delta.tool_call)
        self._finish_reason = delta.finish_reason or self._finish_reason
        self.prompt_tokens = delta.prompt_tokens or self.prompt_tokens
        self.completion_tokens = delta.completion_tokens or self.completion_tokens
        self._cached_tokens = delta.cached_tokens or self._cached_tokens

    def completion(self) -> Completion:
        """The answer so far."""
        return Completion(
            text="".join(self._texts),
            tool_calls=self._tool_calls,
            finish_reason=self._finish_reason,
            prompt_tokens=self.prompt_tokens,
            completion_tokens=self.completion_tokens,
            cached_tokens=self._cached_tokens,
        )


def joined(deltas: Iterable[Delta]) -> Completion:
    """The whole answer that the parts make."""
    whole = Whole()
    for delta in deltas:
        whole.add(delta)
    return whole.completion()
