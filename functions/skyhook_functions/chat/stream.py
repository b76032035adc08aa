"""One answer in the making, as the scheduler and the thread that reads it share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from skyhook_functions.chat.messages import Sampling


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a stream, in their order."""

    ids: list[int]
    finish_reason: str | None = None
    """"stop" or "length" with the last tokens."""
    cached_tokens: int = 0


@dataclass(slots=True, eq=False)
class Stream:
    """One answer in the making. The scheduler's thread alone changes it, except for `cancelled`."""

    tokens: list[int]
    """The prompt, then what was generated."""
    prompt_tokens: int
    sampling: Sampling
    seed: int
    salt: str
    cached: int = 0
    """Tokens whose states were taken from the prompt cache."""
    length: int = 0
    """Tokens whose states are in the cache."""
    flushed: int = 0
    """Tokens handed over, the prompt included."""
    finish_reason: str | None = None
    cancelled: bool = False
    outbox: SimpleQueue[Tokens | Exception] = field(default_factory=SimpleQueue)

    @property
    def most_tokens(self) -> int:
        """The longest that the sequence can become."""
        return self.prompt_tokens + self.sampling.max_tokens

    @property
    def made(self) -> int:
        """Tokens generated."""
        return len(self.tokens) - self.prompt_tokens

    @property
    def left(self) -> int:
        """Tokens of the prompt that no pass has read yet."""
        return max(0, self.prompt_tokens - self.length)

    def next_tokens(self, timeout: float) -> Tokens | None:
        """The next tokens; None if there are none within `timeout` seconds. Raises what ended the stream."""
        try:
            given = self.outbox.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(given, Exception):
            raise given
        return given
