"""The training of `skyhook-scenes` as a function: trained, and looked at on captions that it has not seen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from skyhook.function import CANDIDATE, Evaluated, TrainingEvent, TrainingRequest, function

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
class ScenesTraining:
    """Trains the small model of pictures."""

    def train(self, request: TrainingRequest) -> Iterator[TrainingEvent]:
        """Trains from the last checkpoint on, and evaluates."""
        from skyhook_functions.training.imagine.evaluate import cases, drawn_by, rights, table, with_card
        from skyhook_functions.training.imagine.train import trained_pictures
        from skyhook_functions.training.scoring import scores

        folder = Path(request.checkpoints)
        candidate = folder / CANDIDATE
        yield from trained_pictures(
            folder,
            candidate,
            steps=request.steps or STEPS,
            batch=BATCH,
            codec_s=CODEC_S,
            reader_steps=READER_STEPS,
        )
        every = list(cases(CAPTIONS, SEED, held=True))
        results = drawn_by(candidate, every)
        titles, right = rights(results)
        published = None
        if request.published is not None:
            _, published = rights(drawn_by(Path(request.published), every))
        with_card(candidate, table(results))
        yield Evaluated(scores(titles, right, published))
