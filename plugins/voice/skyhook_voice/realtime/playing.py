"""How far the client has played an answer, and what of its words was heard by then."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from skyhook_voice.realtime.conversation import Item


@dataclass(slots=True)
class Playing:
    """The sound of one answer: it is played from its first part on without a pause."""

    item: Item
    sent_ms: int = 0
    _began_at: float | None = None
    _sentences: list[tuple[str, int]] = field(default_factory=list)
    """Each with the milliseconds at which its sound ends."""

    def begin(self, sentence: str) -> None:
        """A sentence's sound comes next."""
        self._sentences.append((sentence, self.sent_ms))

    def sent(self, milliseconds: int) -> None:
        """More sound of the last sentence was sent."""
        if self._began_at is None:
            self._began_at = time.monotonic()
        self.sent_ms += milliseconds
        self._sentences[-1] = (self._sentences[-1][0], self.sent_ms)

    @property
    def played_ms(self) -> int:
        """How much a client that plays at once has played."""
        if self._began_at is None:
            return 0
        return min(self.sent_ms, round((time.monotonic() - self._began_at) * 1000))

    @property
    def ahead_ms(self) -> int:
        """How much was sent that is not played yet."""
        return self.sent_ms - self.played_ms

    def words_until(self, milliseconds: int) -> str:
        """The words that were heard by then: whole sentences, and the share of the one that is cut off."""
        heard = ""
        begins = 0
        for sentence, ends in self._sentences:
            if ends <= milliseconds:
                heard += sentence
            elif ends > begins:
                share = max(0, milliseconds - begins) / (ends - begins)
                words = sentence.split(" ")
                heard += " ".join(words[: int(len(words) * share)])
                break
            begins = ends
        return heard.strip()
