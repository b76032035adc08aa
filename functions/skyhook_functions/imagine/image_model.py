"""The function that makes pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import function
from skyhook_functions.imagine.abilities import describe, is_pipeline
from skyhook_functions.imagine.background import Reporter, in_background
from skyhook_functions.imagine.messages import Image, ImageEvent, ImageRequest, UpscaleRequest
from skyhook_functions.imagine.pictures import png
from skyhook_functions.imagine.plan import plan_images, plan_upscale
from skyhook_functions.imagine.progress import Steps

if TYPE_CHECKING:
    from skyhook_functions.imagine.diffusion import DiffusersImages
    from skyhook_functions.imagine.loading import Models
    from skyhook_functions.imagine.small_engine import SmallImages


@function(
    requirements=("torch", "diffusers>=0.42", "transformers>=5.24", "safetensors", "numpy", "pillow>=12"),
    gpu=("L4", "A10"),
    memory_gib=16.0,
    timeout_s=3600.0,
    keep_warm_s=900.0,
)
class ImageModel:
    """Makes, changes and enlarges pictures with a bundled small model or any known diffusers pipeline.

    One call at a time: a model has every core, or the whole GPU, to itself.
    """

    def load(self) -> None:
        """Imports torch; a model, and diffusers with it, is loaded when it is first asked for."""
        from skyhook_functions.imagine.loading import Models, import_torch

        import_torch()
        self._models: Models[DiffusersImages | SmallImages] = Models(_load)

    def generate(self, request: ImageRequest) -> Iterator[ImageEvent]:
        """The pictures, and how far they are. A closed stream stops within one step.

        Raises MODEL_NOT_FOUND, MODEL_INVALID, MODEL_UNSUPPORTED, MODEL_UNABLE where the model cannot do what
        is asked, REQUEST_INVALID where parts of the request do not fit together, PICTURE_INVALID,
        PICTURE_TOO_LARGE, and PICTURE_WITHHELD where the model's own safety checker withholds the result.
        """
        folder = Path(request.model)
        plan = plan_images(request, describe(folder))

        def work(reporter: Reporter[Image]) -> None:
            model = self._models.get(folder)
            steps = Steps(reporter, model.steps(plan), plan.count, previews=plan.previews)
            for index in range(plan.count):
                steps.begin(index)
                # Alone and not in a batch, so that a picture does not depend on those beside it.
                made = plan.composed(model.make(plan, plan.seed + index, steps))
                reporter.send(Image(index, png(made), made.width, made.height, plan.seed + index))

        yield from in_background(work)

    def upscale(self, request: UpscaleRequest) -> Iterator[ImageEvent]:
        """The picture enlarged by an upscale model. Raises as `generate` does."""
        folder = Path(request.model or "")
        plan = plan_upscale(request, describe(folder))

        from skyhook_functions.imagine.diffusion import DiffusersImages

        def work(reporter: Reporter[Image]) -> None:
            model = self._models.get(folder)
            assert isinstance(model, DiffusersImages)  # since no other has this ability
            steps = Steps(reporter, plan.steps, previews=plan.previews)
            steps.begin(0)
            made = model.upscale(plan, steps)
            reporter.send(Image(0, png(made), made.width, made.height, plan.seed))

        yield from in_background(work)


def _load(folder: Path) -> DiffusersImages | SmallImages:
    from skyhook_functions.imagine.diffusion import DiffusersImages
    from skyhook_functions.imagine.small_engine import SmallImages

    return DiffusersImages(folder) if is_pipeline(folder) else SmallImages(folder)
