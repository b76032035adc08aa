"""The training of `skyhook-code` as a function: trained, and scored on modules that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skyhook.function import CANDIDATE, Evaluated, TrainingEvent, TrainingRequest, function

PLACES = 300
"""How many places of each kind are filled in the evaluation."""
SEED = 17
"""Of those places: not that of the training."""


@function(
    requirements=("torch", "transformers>=5.24", "tokenizers", "numpy"),
    gpu="L4",
    memory_gib=16.0,
    timeout_s=6 * 3600.0,
    keep_warm_s=0.0,
)
class CodeTraining:
    """Trains the model that completes Python."""

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        from skyhook_functions.training.code.evaluate import by_model, by_ngrams, cases, table, with_card
        from skyhook_functions.training.code.train import STEPS, trained_code
        from skyhook_functions.training.scoring import scores

        folder = Path(request.checkpoints)
        candidate = folder / CANDIDATE
        yield from trained_code(folder, candidate, steps=request.steps or STEPS)
        every = list(cases(PLACES, SEED))
        ours = by_model(candidate, every)
        published = None
        if request.published is not None:
            theirs = by_model(Path(request.published), every)
            published = [case.is_right(answer) for case, answer in zip(every, theirs, strict=True)]
        right = [case.is_right(answer) for case, answer in zip(every, ours, strict=True)]
        with_card(candidate, table(every, ours, by_ngrams(candidate, every)))
        yield Evaluated(scores([case.group for case in every], right, published))
