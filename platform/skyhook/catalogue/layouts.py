"""How a repository's files make a model, and which of them are wanted; none of those is a program."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from skyhook.catalogue.errors import ModelUnusable

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")


class Layout(Protocol):
    """A kind of model. Its files come in three goes, each of which tells what the next has to have.

    `folder` is where those of the goes before lie. Every method raises ModelUnusable for what it cannot use.
    """

    def first_files(self) -> list[str]:
        """The file that says what the model is."""
        ...

    def small_files(self, folder: Path) -> list[str]:
        """What there is beside the weights: configurations, tokenizers, and the indexes of the weights."""
        ...

    def weight_files(self, folder: Path) -> list[str]:
        """The files of the weights."""
        ...

    def context_tokens(self, folder: Path) -> int | None:
        """The longest text that the model reads, in tokens; None where no file tells."""
        ...


def read_object(repository: str, folder: Path, name: str) -> dict[str, Any]:
    """The object in a JSON file. Raises ModelUnusable."""
    try:
        content = json.loads((folder / name).read_bytes())  # which takes Infinity, as some models have
        if not isinstance(content, dict):
            raise ValueError("it is no object")
    except ValueError as error:
        raise ModelUnusable(f"The {name} of {repository} cannot be read: {error}.") from error
    return content


def shards(repository: str, names: Sequence[str], folder: Path, index: str) -> list[str]:
    """The files that an index of weights names, all beside it. Raises ModelUnusable."""
    beside = index.rpartition("/")[0]
    found = read_object(repository, folder, index).get("weight_map")
    files = {str(file) for file in found.values()} if isinstance(found, dict) else set()
    if not files:
        raise ModelUnusable(f"The {index} of {repository} names no weights.")
    for file in files:
        whole = f"{beside}/{file}" if beside else file
        if "/" in file or not file.endswith(".safetensors") or whole not in names:
            raise ModelUnusable(f"{repository} lacks {file!r}, which its {index} names.")
    return sorted(f"{beside}/{file}" if beside else file for file in files)
