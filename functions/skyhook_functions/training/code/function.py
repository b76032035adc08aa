"""The training of `skyhook-code` as a function: trained, and scored on packages that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import Progress, TrainingEvent, TrainingRequest, function
from skyhook_functions.training.code.sources import SOURCES
from skyhook_functions.training.function import ModelTraining

if TYPE_CHECKING:
    from skyhook_functions.training.code.evaluate import Case

PLACES = 300
"""How many places of each kind are filled in the evaluation."""
SEED = 17
"""Of those places: not that of the training."""


@function(
    requirements=("torch", "transformers>=5.24", "tokenizers", "numpy", *(source.name for source in SOURCES)),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=6 * 3600.0,
    keep_warm_s=0.0,
)
class CodeTraining(ModelTraining["Case", str]):
    """Trains the model that completes Python."""

    model = "skyhook-code"

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        yield from self._run(request)

    def _trained(self, checkpoints: Path, out: Path, steps: int | None) -> Iterator[Progress]:
        from skyhook_functions.training.code.train import BATCH_TOKENS, STEPS, trained_code
        from skyhook_functions.training.course import Course

        course = Course(checkpoints=checkpoints, out=out, steps=steps or STEPS, batch_tokens=BATCH_TOKENS)
        return trained_code(course)

    def _cases(self) -> list[Case]:
        from skyhook_functions.training.code.evaluate import cases

        return list(cases(PLACES, SEED))

    def _answers(self, weights: Path, cases: list[Case]) -> list[str]:
        from skyhook_functions.training.code.evaluate import by_model

        return by_model(weights, cases)

    def _judged(self, cases: list[Case], answers: list[str]) -> list[tuple[str, bool]]:
        return [(case.group, case.is_right(answer)) for case, answer in zip(cases, answers, strict=True)]

    def _table(self, weights: Path, cases: list[Case], answers: list[str]) -> str:
        from skyhook_functions.training.code.evaluate import by_ngrams, table

        return table(cases, answers, by_ngrams(weights, cases))
