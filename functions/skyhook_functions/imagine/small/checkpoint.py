"""A trained network in a folder: config.json, model.safetensors and words.json."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from skyhook_functions.imagine.small.network import Network, Shape
from skyhook_functions.imagine.small.words import Words

IMAGE_TYPE, VIDEO_TYPE = "skyhook-scenes", "skyhook-scenes-video"


@dataclass(frozen=True)
class Defaults:
    """How to sample where a request does not say."""

    steps: int = 24
    guidance: float = 3.0
    delay: float = 3.0  # how much longer than evenly the early, noisy times are visited
    fps: float = 8.0  # of a video


@dataclass(frozen=True)
class Checkpoint:
    """A network ready to sample from, in float32."""

    network: Network
    words: Words
    defaults: Defaults


def save(folder: Path, model_type: str, checkpoint: Checkpoint) -> None:
    """Write all three files; the weights in bfloat16."""
    folder.mkdir(parents=True, exist_ok=True)
    shape = asdict(checkpoint.network.shape)
    config = {"model_type": model_type, "shape": shape, "sampling": asdict(checkpoint.defaults)}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    checkpoint.words.save(folder)
    weights = {
        name: value.detach().to(torch.bfloat16).contiguous()
        for name, value in checkpoint.network.state_dict().items()
    }
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def load(folder: Path, model_type: str) -> Checkpoint:
    """Read a folder that `save` wrote; ValueError when it holds another kind of model."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("model_type") != model_type:
        raise ValueError(f"{folder} holds {config.get('model_type')!r}, not {model_type!r}")
    network = Network(Shape(**config["shape"]))
    weights = load_file(folder / "model.safetensors")
    network.load_state_dict({name: value.float() for name, value in weights.items()})
    return Checkpoint(network.eval(), Words.load(folder), Defaults(**config["sampling"]))
