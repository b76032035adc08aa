"""Takes from a chat model's answer the code, and nothing else, as it is written."""

from __future__ import annotations

FENCE = "```"


class Tidy:
    """Passes a completion on without Markdown around it and without what stands before the cursor already.

    How the answer is split into pieces makes no difference.
    """

    def __init__(self, prefix: str, *, line: bool) -> None:
        self._line_so_far = prefix.rpartition("\n")[2]
        self._line = line
        self._held = ""
        self._unfenced = False
        self._begun = False
        self._ended = False

    def feed(self, text: str) -> str:
        """The part of the completion that is certain by now."""
        self._held += text
        return self._pass(final=False)

    def finish(self) -> str:
        """What was held back."""
        return self._pass(final=True)

    def _pass(self, *, final: bool) -> str:
        if self._ended or not (self._begun or self._begin(final=final)):
            return ""
        stop = self._held.find("\n" if self._line else f"\n{FENCE}")
        if stop >= 0:
            self._ended = True
            return self._release(stop)
        return self._release(len(self._held) - (0 if final else _beginning(self._held, f"\n{FENCE}")))

    def _begin(self, *, final: bool) -> bool:
        """Drops a fence and a repeated line at the beginning; False where more text is needed to tell."""
        opened = self._held.lstrip()
        if not self._unfenced and opened.startswith(FENCE) and "\n" in opened:
            self._held = opened.partition("\n")[2]
        elif not self._unfenced and not final and FENCE.startswith(opened[: len(FENCE)]):
            return False
        self._unfenced = True
        if self._line_so_far.strip():
            if not final and self._line_so_far.startswith(self._held) and self._held != self._line_so_far:
                return False
            self._held = self._held.removeprefix(self._line_so_far)
        self._begun = True
        return True

    def _release(self, count: int) -> str:
        released, self._held = self._held[:count], self._held[count:]
        return released


def _beginning(text: str, mark: str) -> int:
    """Length of the longest end of `text` that begins `mark`."""
    return next((length for length in range(len(mark) - 1, 0, -1) if text.endswith(mark[:length])), 0)
