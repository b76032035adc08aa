"""Tiny models of random weights, and the shipped ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.functions.imagine.checkpoints import checkpoints, images, unknown, videos

from skyhook_functions.imagine import background
from skyhook_functions.imagine.small.checkpoint import IMAGE_TYPE, VIDEO_TYPE, Checkpoint, Defaults, save
from skyhook_functions.imagine.small.codec import Codec
from skyhook_functions.imagine.small.network import Network, Shape
from skyhook_functions.imagine.small.words import Words

__all__ = ["checkpoints", "images", "unknown", "videos"]

WEIGHTS = Path(__file__).parents[3] / "functions" / "skyhook_functions" / "weights"


def needs_weights(name: str) -> pytest.MarkDecorator:
    """Skips a test of a shipped model until its weights are there."""
    is_there = (WEIGHTS / name / "config.json").exists()
    return pytest.mark.skipif(not is_there, reason=f"the weights of {name} are not there yet")


TINY = Shape(
    vocabulary=6,
    side=2,
    width=16,
    depth=2,
    heads=2,
    hidden=16,
    text_depth=1,
    words=6,
    answers=(2, 3),
    slots=2,
)


def save_random(folder: Path, model_type: str, shape: Shape) -> Path:
    """A model whose every weight is random, so that all of its inputs matter."""
    torch.manual_seed(0)
    network, codec = Network(shape), Codec()
    with torch.no_grad():
        for weights in network.parameters():
            weights.normal_(0.0, 0.2)
    words = Words(["a", "blue", "red", "star"])
    save(folder, model_type, Checkpoint(network, codec, words, Defaults(steps=4)))
    return folder


@pytest.fixture
def tiny_image(tmp_path: Path) -> Path:
    """The folder of a tiny `skyhook-scenes`."""
    return save_random(tmp_path / "image", IMAGE_TYPE, TINY)


@pytest.fixture
def tiny_video(tmp_path: Path) -> Path:
    """The folder of a tiny `skyhook-scenes-video`."""
    return save_random(tmp_path / "video", VIDEO_TYPE, replace(TINY, frames=2, moments=4))


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """No step is told again on a slow machine, for tests that count what is told."""
    monkeypatch.setattr(background, "HEARTBEAT_S", 60.0)


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    """As many threads as the shipped models are measured with."""
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)
