"""What the model is compared with: the most frequent next token after the last few, as the training modules have it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BITS = 12  # of a token: the vocabulary has 4,096
LONGEST = 4  # tokens before; with the next one they fit into 64 bits


@dataclass(frozen=True)
class Level:
    """Contexts of one length in order, with the token that followed each most often."""

    contexts: NDArray[np.int64]
    following: NDArray[np.int64]


class NGram:
    """Predicts by the longest context that was seen, of at most four tokens."""

    def __init__(self, texts: Iterable[Sequence[int]]) -> None:
        arrays = [np.array(text, dtype=np.int64) for text in texts]
        self._levels = [_level(arrays, length) for length in range(LONGEST, -1, -1)]

    def next(self, tokens: Sequence[int]) -> int:
        """The likeliest token after these."""
        for level, length in zip(self._levels, range(LONGEST, -1, -1), strict=True):
            if len(tokens) < length:
                continue
            context = 0
            for token in tokens[len(tokens) - length :]:
                context = context << BITS | token
            place = int(np.searchsorted(level.contexts, context))
            if place < len(level.contexts) and level.contexts[place] == context:
                return int(level.following[place])
        raise ValueError("nothing was counted")


def _level(texts: list[NDArray[np.int64]], length: int) -> Level:
    parts = []
    for text in texts:
        count = len(text) - length
        if count <= 0:
            continue
        key = np.zeros(count, dtype=np.int64)
        for offset in range(length + 1):
            key = key << BITS | text[offset : offset + count]
        parts.append(key)
    keys, counts = np.unique(np.concatenate(parts), return_counts=True)
    contexts = keys >> BITS
    order = np.lexsort((counts, contexts))
    last = np.append(contexts[order][1:] != contexts[order][:-1], True)
    best = order[last]
    return Level(contexts[best], keys[best] & ((1 << BITS) - 1))
