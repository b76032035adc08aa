"""The trainings of `skyhook-scenes` and `skyhook-scenes-video` as functions.

Both are looked at on captions that they have not seen.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import Progress, TrainingEvent, TrainingRequest, function
from skyhook_functions.training.function import ModelTraining

if TYPE_CHECKING:
    from skyhook_functions.training.imagine.evaluate import Case, Result
    from skyhook_functions.training.imagine.evaluate_video import Shown, Take

STEPS = 3400
"""Those of the network."""
BATCH = 64
CODEC_S = 20 * 60.0
READER_STEPS = 1500
CAPTIONS = 400
"""How many are drawn in the evaluation."""
SEED = 17
"""Of those captions: not that of the training."""
FILM_STEPS, FILM_BATCH = 10_000, 48
"""As many films as the weights that ship have seen."""
FILM_READER_STEPS = 1500
VIDEOS = 60
"""How many are filmed in the evaluation for each use."""


@function(
    requirements=("torch", "safetensors", "numpy", "pillow>=12"),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=12 * 3600.0,
    keep_warm_s=0.0,
)
class ScenesTraining(ModelTraining["Case", "Result"]):
    """Trains the small model of pictures."""

    model = "skyhook-scenes"

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        yield from self._run(request)

    def _trained(self, checkpoints: Path, out: Path, steps: int | None) -> Iterator[Progress]:
        from skyhook_functions.training.imagine.train import trained_pictures

        return trained_pictures(
            checkpoints,
            out,
            steps=steps or STEPS,
            batch=BATCH,
            codec_s=CODEC_S,
            reader_steps=READER_STEPS,
        )

    def _cases(self) -> list[Case]:
        from skyhook_functions.training.imagine.evaluate import cases

        return list(cases(CAPTIONS, SEED, held=True))

    def _answers(self, weights: Path, cases: list[Case]) -> list[Result]:
        from skyhook_functions.training.imagine.evaluate import drawn_by

        return drawn_by(weights, cases)

    def _judged(self, cases: list[Case], answers: list[Result]) -> list[tuple[str, bool]]:
        from skyhook_functions.training.imagine.evaluate import judged

        return judged(answers)

    def _table(self, weights: Path, cases: list[Case], answers: list[Result]) -> str:
        from skyhook_functions.training.imagine.evaluate import table

        return table(answers)


@function(
    requirements=("torch", "safetensors", "numpy", "pillow>=12"),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=12 * 3600.0,
    keep_warm_s=0.0,
)
class FilmsTraining(ModelTraining["Take", "Shown"]):
    """Trains the small model of video, from the weights of the one of pictures that ship."""

    model = "skyhook-scenes-video"

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        yield from self._run(request)

    def _trained(self, checkpoints: Path, out: Path, steps: int | None) -> Iterator[Progress]:
        from skyhook_functions.training.imagine.train_video import trained_videos
        from skyhook_functions.training.scoring import SHIPPED

        return trained_videos(
            checkpoints,
            out,
            SHIPPED / ScenesTraining.model,
            steps=steps or FILM_STEPS,
            batch=FILM_BATCH,
            reader_steps=FILM_READER_STEPS,
        )

    def _cases(self) -> list[Take]:
        from skyhook_functions.training.imagine.evaluate_video import takes

        return list(takes(VIDEOS, SEED, held=True))

    def _answers(self, weights: Path, cases: list[Take]) -> list[Shown]:
        from skyhook_functions.training.imagine.evaluate_video import filmed_by

        return filmed_by(weights, cases)

    def _judged(self, cases: list[Take], answers: list[Shown]) -> list[tuple[str, bool]]:
        from skyhook_functions.training.imagine.evaluate_video import judged

        return judged(answers)

    def _table(self, weights: Path, cases: list[Take], answers: list[Shown]) -> str:
        from skyhook_functions.training.imagine.evaluate_video import table

        return table(answers)
