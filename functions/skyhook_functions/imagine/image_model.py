"""The function that makes pictures."""

from __future__ import annotations

from collections.abc import Iterator

from skyhook.function import function
from skyhook_functions.imagine.messages import ImageEvent, ImageRequest, UpscaleRequest


@function(
    requirements=("torch", "diffusers>=0.40", "transformers>=5.24", "safetensors", "numpy", "pillow>=12"),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=3600.0,
    keep_warm_s=900.0,
)
class ImageModel:
    """Makes, changes and enlarges pictures with a bundled small model or any known diffusers pipeline."""

    def generate(self, request: ImageRequest) -> Iterator[ImageEvent]:
        """The pictures, and how far they are. A closed stream stops within one step.

        Raises MODEL_NOT_FOUND, MODEL_INVALID, MODEL_UNSUPPORTED, MODEL_UNABLE where the model cannot do what
        is asked, REQUEST_INVALID where parts of the request do not fit together, PICTURE_INVALID,
        PICTURE_TOO_LARGE, and PICTURE_WITHHELD where the model's own safety checker withholds the result.
        """
        raise NotImplementedError

    def upscale(self, request: UpscaleRequest) -> Iterator[ImageEvent]:
        """The picture enlarged by an upscale model. Raises as `generate` does."""
        raise NotImplementedError
