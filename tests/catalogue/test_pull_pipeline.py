"""Pipelines of several parts are pulled: the parts that are named, once, and no program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.catalogue.hub import Hub, Repository
from tests.catalogue.test_pull import Pulling, files, folder, hub, prepared, server
from tests.functions.imagine.checkpoints import Folders, checkpoints

from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.messages import Image, ImageRequest

__all__ = ["checkpoints", "hub", "prepared", "server"]

INDEX = {
    "_class_name": "AnyPipeline",
    "scheduler": ["diffusers", "AnyScheduler"],
    "tokenizer": ["transformers", "AnyTokenizer"],
    "unet": ["diffusers", "AnyModel"],
    "safety_checker": [None, None],
    "requires_safety_checker": False,
}
SMALL = {
    "model_index.json": json.dumps(INDEX).encode(),
    "scheduler/scheduler_config.json": b"{}",
    "tokenizer/vocab.json": b"{}",
    "tokenizer/merges.txt": b"#version: 0.2",
    "unet/config.json": b"{}",
    "unet/diffusion_pytorch_model.safetensors": b"plain",
}
UNWANTED = (
    "README.md",
    "everything.safetensors",
    "everything.ckpt",
    "pipeline.py",
    "feature_extractor/preprocessor_config.json",
    "safety_checker/model.safetensors",
    "tokenizer/tokenizer.py",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.bin.index.json",
    "unet/inside/config.json",
    "unet/model.onnx",
    "unet/.json",
)


def images_of(model: Path) -> list[Image]:
    function = ImageModel()
    function.load()
    request = ImageRequest(str(model), "a red house", steps=2, seed=1)
    return [event for event in function.generate(request) if isinstance(event, Image)]


def test_a_pulled_pipeline_makes_the_same_picture(server: Pulling, hub: Hub, checkpoints: Folders) -> None:
    original = checkpoints["text"]
    wanted = {name: (original / name).read_bytes() for name in files(original)}
    hub.repositories["acme/Tiny-Pictures"] = Repository(wanted | dict.fromkeys(UNWANTED, b"no"))
    assert "Added tiny-pictures." in server.done("pull", "acme/Tiny-Pictures")
    pulled = folder(server, "tiny-pictures")
    assert files(pulled) == {*wanted, "skyhook-pull.json"}
    assert server.row("tiny-pictures")[-1] == "16"  # what its text encoder reads
    assert images_of(pulled) == images_of(original) != []
    server.done("remove", "tiny-pictures")
    assert "are in" in server.done("pull", "acme/Tiny-Pictures")
    server.done("remove", "tiny-pictures", "--weights")


def test_of_several_precisions_one_is_pulled(server: Pulling, hub: Hub) -> None:
    hub.repositories["acme/both"] = Repository(SMALL | dict.fromkeys(UNWANTED, b"no"))
    server.done("pull", "acme/both")
    assert files(folder(server, "both")) == {*SMALL, "skyhook-pull.json"}
    assert server.row("both")[-1] == "1"  # it reads no text

    half = {name: body for name, body in SMALL.items() if "safetensors" not in name}
    shards = [f"diffusion_pytorch_model.fp16-0000{number}-of-00002.safetensors" for number in (1, 2)]
    half["unet/diffusion_pytorch_model.safetensors.index.fp16.json"] = json.dumps(
        {"weight_map": {"a": shards[0], "b": shards[1]}}
    ).encode()
    half |= {f"unet/{shard}": b"shard" for shard in shards}
    hub.repositories["acme/half"] = Repository(half | {"unet/diffusion_pytorch_model.bin": b"no"})
    server.done("pull", "acme/half")
    assert files(folder(server, "half")) == {*half, "skyhook-pull.json"}


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"model_index.json": b"["}, "model_index.json of acme/Bad cannot be read"),
        ({"model_index.json": b'{"_class_name": ["mine.py", "Mine"]}'}, "code of its own"),
        ({"model_index.json": b'{"_class_name": "Any", "../up": ["a", "b"]}'}, "code of its own"),
        ({"model_index.json": b'{"_class_name": "Any", "vae": ["a", "b"]}'}, "has no vae"),
        ({"unet/diffusion_pytorch_model.safetensors": None, "unet/model.bin": b"no"}, "unet of acme/Bad"),
        ({"unet/diffusion_pytorch_model.safetensors": None}, "acme/Bad has no weights"),
        (
            {
                "unet/diffusion_pytorch_model.safetensors": None,
                "unet/model.safetensors.index.json": b'{"weight_map": {"a": "../x.safetensors"}}',
            },
            "lacks '../x.safetensors'",
        ),
    ],
)
def test_what_is_no_usable_pipeline_is_refused_before_its_weights_come(
    server: Pulling, hub: Hub, broken: dict[str, bytes | None], message: str
) -> None:
    content = {name: body for name, body in (SMALL | broken).items() if body is not None}
    hub.repositories["acme/Bad"] = Repository(content)
    sentence = server.refused("pull", "acme/Bad")
    assert message in sentence
    assert sentence.endswith("(MODEL_UNUSABLE)")
    assert not any(one.path.startswith("/cdn/") for one in hub.seen)
