"""A trained network in a folder: config.json, model.safetensors and words.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from skyhook_functions.imagine.small.codec import STRIDE, Codec
from skyhook_functions.imagine.small.network import Network, Shape
from skyhook_functions.imagine.small.words import Words

IMAGE_TYPE, VIDEO_TYPE = "skyhook-scenes", "skyhook-scenes-video"
PARTS = ("network", "codec")


@dataclass(frozen=True)
class Defaults:
    """How to sample where a request does not say."""

    steps: int = 24
    guidance: float = 3.0
    delay: float = 2.0  # how much longer than evenly the early, noisy times are visited
    fps: float = 8.0  # of a video


@dataclass(frozen=True)
class Checkpoint:
    """A network ready to sample from, in float32, and what turns its cells into pixels."""

    network: Network
    codec: Codec
    words: Words
    defaults: Defaults


def save(folder: Path, model_type: str, checkpoint: Checkpoint) -> None:
    """Write all three files; the weights in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = asdict(checkpoint.network.shape)
    config = {
        "model_type": model_type,
        "size": checkpoint.network.shape.side * STRIDE,  # px, for those who do not know of cells
        "shape": shape,
        "sampling": asdict(checkpoint.defaults),
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    checkpoint.words.save(folder)
    weights = {
        f"{part}.{name}": value.detach().to(torch.bfloat16).contiguous()
        for part in PARTS
        for name, value in getattr(checkpoint, part).state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def part_of(weights: dict[str, Tensor], part: str) -> dict[str, Tensor]:
    """The weights of one part in float32, by their names in it."""
    start = f"{part}."
    return {
        name.removeprefix(start): value.float() for name, value in weights.items() if name.startswith(start)
    }


def load(folder: Path, model_type: str) -> Checkpoint:
    """Read a folder that `save` wrote; ValueError when it holds another kind of model."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != model_type:
        raise ValueError(f"{folder} holds {config.get('model_type')!r}, not {model_type!r}")
    shape = Shape(**config["shape"] | {"answers": tuple(config["shape"]["answers"])})
    network, codec = Network(shape), Codec()
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict(part_of(weights, "network"))
    codec.load_state_dict(part_of(weights, "codec"))
    return Checkpoint(network.eval(), codec.eval(), Words.load(folder), Defaults(**config["sampling"]))
