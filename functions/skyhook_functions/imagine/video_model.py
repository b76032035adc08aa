"""The function that makes video."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import function
from skyhook_functions.imagine import video
from skyhook_functions.imagine.abilities import describe, is_pipeline
from skyhook_functions.imagine.background import Reporter, in_background
from skyhook_functions.imagine.messages import Segment, SegmentRequest, VideoEvent
from skyhook_functions.imagine.pictures import png
from skyhook_functions.imagine.plan import SegmentPlan, plan_segment
from skyhook_functions.imagine.progress import Steps

if TYPE_CHECKING:
    from skyhook_functions.imagine.diffusion import DiffusersVideo
    from skyhook_functions.imagine.loading import Models
    from skyhook_functions.imagine.small_engine import SmallFilm


@function(
    requirements=(
        "torch",
        "diffusers>=0.42",
        "transformers>=5.24",
        "safetensors",
        "numpy",
        "pillow>=12",
        "av>=15",
    ),
    gpu=("L40S", "A100-80GB"),
    memory_gib=24.0,
    timeout_s=7200.0,
    keep_warm_s=900.0,
)
class VideoModel:
    """Makes video segment by segment with a bundled small model or any known diffusers video pipeline."""

    def load(self) -> None:
        """Imports torch; a model, and diffusers with it, is loaded when it is first asked for."""
        from skyhook_functions.imagine.loading import Models, import_torch

        import_torch()
        self._models: Models[DiffusersVideo | SmallFilm] = Models(_load)

    def segment(self, request: SegmentRequest) -> Iterator[VideoEvent]:
        """The segment, and how far it is. A closed stream stops within one step.

        Raises MODEL_NOT_FOUND, MODEL_INVALID, MODEL_UNSUPPORTED, MODEL_UNABLE where the model cannot do what
        is asked, REQUEST_INVALID where parts of the request do not fit together, PICTURE_INVALID and
        PICTURE_TOO_LARGE.
        """
        folder = Path(request.model)
        plan = plan_segment(request, describe(folder))

        def work(reporter: Reporter[Segment]) -> None:
            model = self._models.get(folder)
            steps = Steps(reporter, model.steps(plan), previews=plan.previews)
            steps.begin(0)
            frames, last = model.make(plan, steps)
            reporter.send(_segment(plan, frames, last))

        yield from in_background(work)


def _load(folder: Path) -> DiffusersVideo | SmallFilm:
    from skyhook_functions.imagine.diffusion import DiffusersVideo
    from skyhook_functions.imagine.small_engine import SmallFilm

    return DiffusersVideo(folder) if is_pipeline(folder) else SmallFilm(folder)


def _segment(plan: SegmentPlan, frames: list[video.Frame], last: list[video.Frame]) -> Segment:
    import PIL.Image

    files = [png(PIL.Image.fromarray(frame)) for frame in (frames[0], *last)]
    return Segment(
        content=video.encode(frames, plan.fps),
        frames=len(frames),
        width=plan.width,
        height=plan.height,
        fps=plan.fps,
        seed=plan.seed,
        last_frames=files[1:],
        poster=files[0],
    )
