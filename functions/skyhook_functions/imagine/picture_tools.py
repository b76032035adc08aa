"""The function that handles users' pictures where no model is needed, so that it never waits for one."""

from __future__ import annotations

from collections.abc import Iterator

from skyhook.function import FunctionError, function
from skyhook_functions.imagine import pictures
from skyhook_functions.imagine.messages import (
    Image,
    ImageEvent,
    Picture,
    PictureRequest,
    Progress,
    UpscaleRequest,
)

LARGEST_RESULT = 8192
"""The longest side of an enlarged picture, in pixels."""


@function(requirements=("pillow>=12", "numpy"), memory_gib=2.0, concurrency=2, timeout_s=60.0)
class Pictures:
    """Reads, cleans and resamples pictures, away from the server's process."""

    def load(self) -> None:
        """Imports what takes long."""
        import numpy  # noqa: F401
        import PIL.Image  # noqa: F401

    def read(self, request: PictureRequest) -> Picture:
        """A user's picture made safe to store and show. Raises PICTURE_INVALID and PICTURE_TOO_LARGE."""
        picture = pictures.read(request.content)
        picture.thumbnail((request.largest_side, request.largest_side))
        return Picture(
            content=pictures.png(picture),
            width=picture.width,
            height=picture.height,
            thumbnail=pictures.small_jpeg(picture, request.thumbnail_side),
        )

    def resample(self, request: UpscaleRequest) -> Iterator[ImageEvent]:
        """The picture enlarged by Lanczos resampling and a mild unsharp mask: no model adds any detail.

        Raises PICTURE_INVALID, PICTURE_TOO_LARGE and REQUEST_INVALID.
        """
        picture = pictures.read(request.picture)
        require_result(picture.width, picture.height, request.factor)
        yield Progress(step=0, steps=1)
        larger = pictures.enlarged(picture, request.factor)
        content = pictures.png(larger)
        yield Progress(step=1, steps=1)
        yield Image(0, content, larger.width, larger.height, seed=0, method="resample")


def require_result(width: int, height: int, factor: int) -> None:
    """Raises REQUEST_INVALID for a factor other than 2 and 4, and for a result that would be too large."""
    if factor not in (2, 4):
        raise FunctionError("REQUEST_INVALID", f"A picture is enlarged by 2 or 4, not by {factor}.")
    width, height = width * factor, height * factor
    if max(width, height) > LARGEST_RESULT or width * height > pictures.MOST_PIXELS:
        raise FunctionError(
            "REQUEST_INVALID",
            f"The result would be {width}x{height}: no side may be longer than {LARGEST_RESULT} pixels, and "
            f"it may have {pictures.MOST_PIXELS // 10**6} megapixels at most. Send a smaller picture.",
        )
