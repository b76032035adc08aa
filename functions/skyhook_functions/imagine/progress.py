"""How far the steps of a model are, with a picture of it now and then."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from skyhook_functions.imagine.background import Reporter
from skyhook_functions.imagine.messages import Progress
from skyhook_functions.imagine.pictures import small_jpeg

if TYPE_CHECKING:
    from PIL.Image import Image

PREVIEW_EVERY_S = 0.5
PREVIEW_SHARE = 0.1
"""How much of the time previews may take."""
PREVIEW_SIDE = 256


class Steps:
    """Reports the steps of `count` things that are made one after the other, `each` steps long."""

    def __init__(self, reporter: Reporter[Any], each: int, count: int = 1, *, previews: bool = True) -> None:
        self._reporter = reporter
        self._each = each
        self._count = count
        self._previews = previews
        self._next_preview = 0.0
        self._index = 0

    def begin(self, index: int) -> None:
        """The thing of this number is being made. Raises Closed."""
        self._index = index
        self._report(0, None)

    def done(self, step: int, of: int, draw: Callable[[], Image | None] | None = None) -> None:
        """So many of a model's own number of steps are done; `draw` makes a preview. Raises Closed."""
        self._reporter.check()  # before a preview that nobody would see
        self._report(min(self._each, -(-step * self._each // max(of, 1))), self._preview(draw))

    def _report(self, step: int, preview: bytes | None) -> None:
        done = self._index * self._each + step
        self._reporter.send(Progress(done, self._count * self._each, preview, self._index))

    def _preview(self, draw: Callable[[], Image | None] | None) -> bytes | None:
        began = time.monotonic()
        if draw is None or not self._previews or began < self._next_preview:
            return None
        picture = draw()
        content = small_jpeg(picture, PREVIEW_SIDE) if picture is not None else None
        now = time.monotonic()
        self._next_preview = now + max(PREVIEW_EVERY_S, (now - began) / PREVIEW_SHARE)
        return content
