"""The function that handles users' pictures where no model is needed, so that it never waits for one."""

from __future__ import annotations

from collections.abc import Iterator

from skyhook.function import function
from skyhook_functions.imagine.messages import ImageEvent, Picture, PictureRequest, UpscaleRequest


@function(requirements=("pillow>=12",), memory_gib=2.0, concurrency=2, timeout_s=60.0)
class Pictures:
    """Reads, cleans and resamples pictures, away from the server's process."""

    def read(self, request: PictureRequest) -> Picture:
        """A user's picture made safe to store and show. Raises PICTURE_INVALID and PICTURE_TOO_LARGE."""
        raise NotImplementedError

    def resample(self, request: UpscaleRequest) -> Iterator[ImageEvent]:
        """The picture enlarged by Lanczos resampling and a mild unsharp mask: no model adds any detail.

        Raises PICTURE_INVALID, PICTURE_TOO_LARGE and REQUEST_INVALID.
        """
        raise NotImplementedError
