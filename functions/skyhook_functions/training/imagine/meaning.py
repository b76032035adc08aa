"""What a caption means, as answers to questions: the reader learns to give them, and the network to draw them.

This is much cheaper than learning language from pictures.
"""

import torch
from torch import Tensor
from torch.nn import functional

from skyhook_functions.training.imagine.drawing import BACKGROUNDS, COLOURS, SHAPES
from skyhook_functions.training.imagine.scenes import ARRANGEMENTS, SIZES, Description, Kind
from skyhook_functions.training.imagine.wording import MOTIONS

OF_KIND = (("", *SHAPES), ("", *COLOURS), ("", *SIZES))
QUESTIONS: tuple[tuple[str, ...], ...] = (  # the possible answers to each
    ("", *BACKGROUNDS), ARRANGEMENTS, ("1", "2", "3", "4"), *OF_KIND, *OF_KIND, ("", *MOTIONS),
)  # fmt: skip
ANSWERS = tuple(len(possible) for possible in QUESTIONS)


def answers(said: Description) -> list[int]:
    """The right answer to each question, by its place among the possible ones."""
    second = said.second or Kind("", "")
    texts = (
        said.background, said.arrangement, str(said.count), said.first.shape, said.first.colour, said.first.size,
        second.shape, second.colour, second.size, said.motion,
    )  # fmt: skip
    return [possible.index(text) for possible, text in zip(QUESTIONS, texts, strict=True)]


def certain(right: Tensor) -> Tensor:
    """Right answers [B, questions] as chances of all answers [B, answers]."""
    parts = [functional.one_hot(right[:, index], count) for index, count in enumerate(ANSWERS)]
    return torch.cat(parts, dim=1).float()


def misread(logits: list[Tensor], right: Tensor) -> Tensor:
    """Mean cross-entropy in nats of the right answers [B, questions]."""
    losses = [functional.cross_entropy(of.float(), right[:, index]) for index, of in enumerate(logits)]
    return torch.stack(losses).mean()
