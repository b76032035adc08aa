"""The training of `skyhook-small` as a function: trained, and scored on prompts that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skyhook.function import CANDIDATE, Evaluated, TrainingEvent, TrainingRequest, function

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
class ChatTraining:
    """Trains the small chat model."""

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        from skyhook_functions.training.chat.evaluate import cases, counts, right_of, table, with_card
        from skyhook_functions.training.chat.train import STEPS, trained_chat
        from skyhook_functions.training.scoring import scores

        folder = Path(request.checkpoints)
        candidate = folder / CANDIDATE
        yield from trained_chat(folder, candidate, steps=request.steps or STEPS)
        every = list(cases(CONVERSATIONS, SEED))
        right = right_of(candidate, every)
        published = None if request.published is None else right_of(Path(request.published), every)
        with_card(candidate, table(counts(every, right)))
        yield Evaluated(scores([case.group for case in every], right, published))
