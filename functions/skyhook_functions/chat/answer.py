"""The part of a chat model's answer that a client sees, made from the tokens of one stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from skyhook_functions.chat.messages import Delta, ToolCall
from skyhook_functions.chat.stream import HEARTBEAT_S, Outbox
from skyhook_functions.chat.text import Detokenizer, StopFilter
from skyhook_functions.chat.tools import ToolCallParser


class Answer:
    """Reads the tokens of one answer and gives its text and tool calls."""

    def __init__(
        self,
        decode: Callable[[Sequence[int]], str],
        hidden: frozenset[int],
        stops: Sequence[str],
        has_tools: bool,
    ) -> None:
        """`hidden` tokens are no part of the text. Tool calls are looked for only if `has_tools`."""
        self._detokenizer = Detokenizer(decode)
        self._hidden = hidden
        self._stop = StopFilter(stops)
        self._parser = ToolCallParser() if has_tools else None
        self._called = False
        self.completion_tokens = 0
        """Tokens read, up to and with the one that completed a stop string."""

    @property
    def stopped(self) -> bool:
        """A stop string was found: the answer has ended."""
        return self._stop.stopped

    def read(self, outbox: Outbox) -> Iterator[Delta]:
        """The whole answer as its tokens come, with an empty Delta now and then while none comes."""
        while True:
            tokens = outbox.next_tokens(HEARTBEAT_S)
            if tokens is None:
                yield Delta()
                continue
            yield from self.feed(tokens.ids)
            if self.stopped or tokens.finish_reason:
                yield from self.finish(tokens.finish_reason or "stop", tokens.cached_tokens)
                return

    def feed(self, tokens: Sequence[int]) -> list[Delta]:
        """What the tokens add to the answer."""
        # The token that completes a stop string must be known, so that only the tokens up to it are counted.
        groups = [[token] for token in tokens] if self._stop.active else [tokens]
        deltas: list[Delta] = []
        for group in groups:
            self.completion_tokens += len(group)
            text = self._detokenizer.feed(t for t in group if t not in self._hidden)
            deltas += self._parse(self._stop.feed(text))
            if self.stopped:
                break
        return deltas

    def finish(self, reason: str, cached_tokens: int) -> list[Delta]:
        """What was held back, and the last Delta. `reason` is how the model ended: "stop" or "length"."""
        rest = "" if self.stopped else self._stop.feed(self._detokenizer.finish()) + self._stop.finish()
        deltas = self._parse(rest)
        if self._parser is not None:
            deltas += self._as_deltas(self._parser.finish())
        if self.stopped:
            reason = "stop"
        if self._called and reason == "stop":
            reason = "tool_calls"
        last = Delta(
            finish_reason=reason, completion_tokens=self.completion_tokens, cached_tokens=cached_tokens
        )
        return [*deltas, last]

    def _parse(self, text: str) -> list[Delta]:
        if self._parser is not None:
            return self._as_deltas(self._parser.feed(text))
        return self._as_deltas([text]) if text else []

    def _as_deltas(self, parts: list[str | ToolCall]) -> list[Delta]:
        so_far = self.completion_tokens
        deltas = [
            Delta(text=part, completion_tokens=so_far)
            if isinstance(part, str)
            else Delta(tool_call=part, completion_tokens=so_far)
            for part in parts
        ]
        self._called = self._called or any(delta.tool_call for delta in deltas)
        return deltas
