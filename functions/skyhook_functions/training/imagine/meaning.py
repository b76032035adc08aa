"""Teaching the caption's reader what captions mean, by asking it for each part of the description.

This is much cheaper than learning it from pictures alone. The questions are not part of the exported network.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from skyhook_functions.training.imagine.drawing import BACKGROUNDS, COLOURS, SHAPES
from skyhook_functions.training.imagine.scenes import ARRANGEMENTS, SIZES, Description, Kind
from skyhook_functions.training.imagine.wording import MOTIONS

OF_KIND = (("", *SHAPES), ("", *COLOURS), ("", *SIZES))
QUESTIONS: tuple[tuple[int, tuple[str, ...]], ...] = (  # the slot that is asked, and all possible answers
    (0, ("", *BACKGROUNDS)),
    (1, ARRANGEMENTS),
    (1, ("1", "2", "3", "4")),
    *((2, answers) for answers in OF_KIND),
    *((3, answers) for answers in OF_KIND),
    (4, ("", *MOTIONS)),
)


def answers(said: Description) -> list[int]:
    """The right answer to each question, by its place among the possible ones."""
    second = said.second or Kind("", "")
    texts = (
        said.background, said.arrangement, str(said.count), said.first.shape, said.first.colour, said.first.size,
        second.shape, second.colour, second.size, said.motion,
    )  # fmt: skip
    return [possible.index(text) for (_, possible), text in zip(QUESTIONS, texts, strict=True)]


class Quiz(nn.Module):  # type: ignore[misc]
    """Linear questions to the reader's vectors."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.questions = nn.ModuleList(nn.Linear(width, len(possible)) for _, possible in QUESTIONS)

    def logits(self, slots: Tensor) -> list[Tensor]:
        """For each question [B, possible answers], asked of slots [B, slots, D]."""
        return [
            question(slots[:, slot]) for question, (slot, _) in zip(self.questions, QUESTIONS, strict=True)
        ]

    def forward(self, slots: Tensor, right: Tensor, asked: Tensor) -> Tensor:
        """Mean cross-entropy in nats of the right answers [B, questions] where `asked` [B]."""
        weights = asked.float() / asked.sum().clamp(min=1)
        losses = [
            functional.cross_entropy(logits.float(), right[:, index], reduction="none") @ weights
            for index, logits in enumerate(self.logits(slots))
        ]
        return torch.stack(losses).mean()
