"""The function that makes video."""

from __future__ import annotations

from collections.abc import Iterator

from skyhook.function import function
from skyhook_functions.imagine.messages import SegmentRequest, VideoEvent


@function(
    requirements=(
        "torch",
        "diffusers>=0.40",
        "transformers>=5.24",
        "safetensors",
        "numpy",
        "pillow>=12",
        "av>=15",
    ),
    gpu="L40S",
    memory_gib=24.0,
    timeout_s=7200.0,
    keep_warm_s=900.0,
)
class VideoModel:
    """Makes video segment by segment with a bundled small model or any known diffusers video pipeline."""

    def segment(self, request: SegmentRequest) -> Iterator[VideoEvent]:
        """The segment, and how far it is. A closed stream stops within one step.

        Raises MODEL_NOT_FOUND, MODEL_INVALID, MODEL_UNSUPPORTED, MODEL_UNABLE where the model cannot do what
        is asked, REQUEST_INVALID where parts of the request do not fit together, PICTURE_INVALID and
        PICTURE_TOO_LARGE.
        """
        raise NotImplementedError
