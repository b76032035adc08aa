"""Runs the bundled small models, which know squares of one size only, for requests of any size.

What is made is scaled until it covers the size that is asked for, and cropped around its middle. A given
picture goes the opposite way: scaled until it fits into the square, its borders repeated as far as needed. So
nothing is distorted, and what is given lies where what is made of it will be.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import PIL.Image
import PIL.ImageOps

from skyhook_functions.imagine.abilities import invalid
from skyhook_functions.imagine.loading import is_out_of_memory
from skyhook_functions.imagine.small.images import ImageRequest, SmallImagine
from skyhook_functions.imagine.small.video import SmallVideo, VideoRequest

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from PIL.Image import Image

    from skyhook_functions.imagine.plan import ImagePlan, SegmentPlan
    from skyhook_functions.imagine.progress import Steps
    from skyhook_functions.imagine.video import Frame

    M = TypeVar("M")


class SmallImages:
    """Makes pictures with `skyhook-scenes`."""

    def __init__(self, folder: Path) -> None:
        """Raises MODEL_INVALID."""
        self._model = _load(SmallImagine, folder)

    def steps(self, plan: ImagePlan) -> int:
        """How many steps each picture takes."""
        if plan.init is None:
            return plan.steps
        return plan.steps - min(round((1.0 - plan.strength) * plan.steps), plan.steps - 1)

    def make(self, plan: ImagePlan, seed: int, steps: Steps) -> Image:
        """One picture of the plan. Raises Closed."""
        size = self._model.size
        request = ImageRequest(
            prompt=plan.prompt,
            negative_prompt=plan.negative_prompt,
            seed=seed,
            steps=plan.steps,
            guidance=plan.guidance,
            start=np.asarray(_squared(plan.init, size)) if plan.init is not None else None,
            strength=plan.strength,
            mask=np.asarray(_squared(plan.mask, size)) > 127 if plan.mask is not None else None,
        )
        for step in self._model.images(request):
            made = step.images[0]
            steps.done(step.done, step.total, partial(PIL.Image.fromarray, made))
        return _covering(PIL.Image.fromarray(made), plan.width, plan.height)


class SmallFilm:
    """Makes video with `skyhook-scenes-video`, in as many goes as the frames take."""

    def __init__(self, folder: Path) -> None:
        """Raises MODEL_INVALID."""
        self._model = _load(SmallVideo, folder)

    def steps(self, plan: SegmentPlan) -> int:
        """How many steps the plan takes."""
        return plan.steps * len(self._goes(plan))

    def make(self, plan: SegmentPlan, steps: Steps) -> tuple[list[Frame], list[Frame]]:
        """The plan's frames, and the last of all so far in the model's own size. Raises Closed."""
        size = self._model.size
        given = [_squared(frame, size) for frame in plan.before or filter(None, [plan.start])]
        before = known = [np.asarray(frame) for frame in given]
        made: list[Frame] = []
        if plan.start is not None:
            before, made = [], known[:1]
        goes = self._goes(plan)
        for go in range(len(goes)):
            request = VideoRequest(
                prompt=plan.prompt,
                negative_prompt=plan.negative_prompt,
                seed=plan.seed + go,
                given=np.stack(known) if known else None,
                steps=plan.steps,
                guidance=plan.guidance,
            )
            for step in self._model.segment(request):
                done = go * step.total + step.done
                middle = step.frames[len(step.frames) // 2]
                steps.done(done, len(goes) * step.total, partial(PIL.Image.fromarray, middle))
            made += list(step.frames)
            known = [*known, *step.frames][-self._model.context :]
        kept = made[: plan.frames]
        frames = [_covering(PIL.Image.fromarray(frame), plan.width, plan.height) for frame in kept]
        # A short segment alone would be less than the model can go on from.
        return [np.asarray(frame) for frame in frames], [*before, *kept][-self._model.context :]

    def _goes(self, plan: SegmentPlan) -> list[int]:
        """How many frames each go adds."""
        given = len(plan.before) or int(plan.start is not None)
        have = int(plan.start is not None)
        goes: list[int] = []
        while have < plan.frames or not goes:
            goes.append(self._model.new_frames(given))
            have += goes[-1]
            given = min(given + goes[-1], self._model.context)
        return goes


def _load(kind: Callable[[Path], M], folder: Path) -> M:
    try:
        return kind(folder)
    except Exception as error:  # whatever a broken file makes the libraries raise
        if is_out_of_memory(error):
            raise
        raise invalid(folder, f"{type(error).__name__}: {error}") from error


def _squared(picture: Image, size: int) -> Image:
    """The picture in the middle of a square, its borders repeated where it leaves room."""
    scale = size / max(picture.size)
    width, height = (max(1, round(side * scale)) for side in picture.size)
    scaled = np.asarray(picture.resize((width, height), PIL.Image.Resampling.LANCZOS))
    left, top = (size - width) // 2, (size - height) // 2
    around = [(top, size - height - top), (left, size - width - left), (0, 0)][: scaled.ndim]
    return PIL.Image.fromarray(np.pad(scaled, around, mode="edge"))


def _covering(picture: Image, width: int, height: int) -> Image:
    """The square scaled over a size and cropped; bicubic, since Lanczos rings around the flat shapes."""
    return PIL.ImageOps.fit(picture, (width, height), PIL.Image.Resampling.BICUBIC)
