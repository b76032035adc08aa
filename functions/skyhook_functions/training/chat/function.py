"""The training of `skyhook-small` as a function: trained, and scored on prompts that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import Progress, TrainingEvent, TrainingRequest, function
from skyhook_functions.training.function import ModelTraining

if TYPE_CHECKING:
    from skyhook_functions.training.chat.evaluate import Case

CONVERSATIONS = 300
"""How many conversations of each task are answered in the evaluation."""
SEED = 17
"""Of those conversations: not that of the training."""


@function(
    requirements=("torch", "transformers>=5.24", "tokenizers"),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=6 * 3600.0,
    keep_warm_s=0.0,
)
class ChatTraining(ModelTraining["Case", str]):
    """Trains the small chat model."""

    model = "skyhook-small"

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        yield from self._run(request)

    def _trained(self, checkpoints: Path, out: Path, steps: int | None) -> Iterator[Progress]:
        from skyhook_functions.training.chat.train import BATCH_TOKENS, STEPS, trained_chat
        from skyhook_functions.training.course import Course

        course = Course(checkpoints=checkpoints, out=out, steps=steps or STEPS, batch_tokens=BATCH_TOKENS)
        return trained_chat(course)

    def _cases(self) -> list[Case]:
        from skyhook_functions.training.chat.evaluate import cases

        return list(cases(CONVERSATIONS, SEED))

    def _answers(self, weights: Path, cases: list[Case]) -> list[str]:
        from skyhook_functions.training.chat.evaluate import answers_of

        return answers_of(weights, cases)

    def _judged(self, cases: list[Case], answers: list[str]) -> list[tuple[str, bool]]:
        return [(case.group, answer == case.wanted) for case, answer in zip(cases, answers, strict=True)]

    def _table(self, weights: Path, cases: list[Case], answers: list[str]) -> str:
        from skyhook_functions.training.chat.evaluate import counts, table

        return table(counts(self._judged(cases, answers)))
