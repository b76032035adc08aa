"""The training of `skyhook-scenes` as a function: trained, and looked at on captions that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import Progress, TrainingEvent, TrainingRequest, function
from skyhook_functions.training.function import ModelTraining

if TYPE_CHECKING:
    from skyhook_functions.training.imagine.evaluate import Case, Result

STEPS = 3400
"""Those of the network."""
BATCH = 64
CODEC_S = 20 * 60.0
READER_STEPS = 1500
CAPTIONS = 400
"""How many are drawn in the evaluation."""
SEED = 17
"""Of those captions: not that of the training."""


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
