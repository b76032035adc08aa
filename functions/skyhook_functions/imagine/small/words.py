"""The tokenizer of the small models: one id for a word."""

import json
import re
from pathlib import Path

import torch
from torch import Tensor

FILE = "words.json"
PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"[a-z0-9]+")


class Words:
    """A list of known words; a word's id is its place in the list, after padding and the unknown word."""

    def __init__(self, words: list[str]) -> None:
        self.words = words
        self.ids = {word: index for index, word in enumerate(words, start=UNKNOWN + 1)}

    def __len__(self) -> int:
        return len(self.words) + UNKNOWN + 1

    def encode(self, captions: list[str], length: int) -> Tensor:
        """Ids [captions, length]; what is longer is cut off, punctuation and capitals do not matter."""
        result = torch.zeros(len(captions), length, dtype=torch.long)
        for row, caption in enumerate(captions):
            ids = [self.ids.get(word, UNKNOWN) for word in WORD.findall(caption.lower())[:length]]
            result[row, : len(ids)] = torch.tensor(ids, dtype=torch.long)
        return result

    def save(self, folder: Path) -> None:
        """Write `words.json`."""
        (folder / FILE).write_text(json.dumps({"words": self.words}, indent=0) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, folder: Path) -> "Words":
        """Read `words.json`."""
        return cls(json.loads((folder / FILE).read_text(encoding="utf-8"))["words"])
