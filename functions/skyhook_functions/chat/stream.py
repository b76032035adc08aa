"""One answer in the making, as the engine and the thread that reads it share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from queue import Empty, SimpleQueue

from skyhook_functions.chat.messages import Sampling

HEARTBEAT_S = 0.5
"""A generator can be closed only when it has yielded: a waiting one yields an empty Delta this often."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of a stream, in their order."""

    ids: list[int]
    finish_reason: str | None = None
    """"stop" or "length" with the last tokens."""
    cached_tokens: int = 0


class Outbox:
    """Hands an answer's tokens from the thread that makes them to the one that reads them."""

    def __init__(self) -> None:
        self._queue: SimpleQueue[Tokens | Exception] = SimpleQueue()

    def put(self, given: Tokens | Exception) -> None:
        """Gives the reader tokens, or what ended the answer."""
        self._queue.put(given)

    def next_tokens(self, timeout: float) -> Tokens | None:
        """The next tokens; None if there are none within `timeout` seconds. Raises what ended the answer."""
        try:
            given = self._queue.get(timeout=timeout)
        except Empty:
            return None
        if isinstance(given, Exception):
            raise given
        return given


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
    outbox: Outbox = field(default_factory=Outbox)

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
