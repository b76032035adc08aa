"""What a folder says that its model can do, and that the known pipelines are what diffusers has."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import diffusers
import pytest
from diffusers.pipelines import auto_pipeline
from tests.functions.imagine.checkpoints import SIDE, Folders
from tests.functions.imagine.refusals import refused

from skyhook_functions.imagine.abilities import describe
from skyhook_functions.imagine.families import FAMILIES

ABILITIES = ("generate", "image_to_image", "edit_mask", "edit_instruction", "video", "animate", "extend")


@pytest.mark.parametrize(
    ("name", "able"),
    [
        ("text", {"generate", "image_to_image", "edit_mask"}),
        ("inpaint", {"edit_mask"}),
        ("instruct", {"edit_instruction"}),
        ("upscale", set()),
        ("animatediff", {"video"}),
        ("svd", {"animate", "extend"}),
        ("ltx", {"video", "animate", "extend"}),
    ],
)
def test_each_checkpoint_says_what_it_can_do(checkpoints: Folders, name: str, able: set[str]) -> None:
    abilities = describe(checkpoints[name])
    assert {ability for ability in ABILITIES if getattr(abilities, ability)} == able
    assert abilities.upscale_factors == ([4] if name == "upscale" else [])
    assert (abilities.most_frames >= abilities.frames > 0) is bool({"video", "animate"} & able)


def test_the_native_size_is_what_the_denoiser_was_trained_for(checkpoints: Folders, tmp_path: Path) -> None:
    assert (describe(checkpoints["text"]).width, describe(checkpoints["text"]).height) == (SIDE, SIDE)
    files = {
        "model_index.json": {"_class_name": "StableDiffusionXLPipeline"},
        "unet/config.json": {"sample_size": [96, 128]},
        "vae/config.json": {"block_out_channels": [1, 2, 4, 4]},
    }
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(json.dumps(content))
    assert (describe(tmp_path).width, describe(tmp_path).height) == (1024, 768)


def test_a_folder_without_a_known_model_is_refused(tmp_path: Path, unknown: Path) -> None:
    with refused("MODEL_NOT_FOUND", "Pull the model first"):
        describe(tmp_path)
    with refused("MODEL_UNSUPPORTED", "DreamMachinePipeline"):
        describe(unknown)
    for content in ("{", "[]", "{}", '{"_class_name": ["pipeline.py", "Mine"]}'):
        (tmp_path / "model_index.json").write_text(content)
        with refused("MODEL_INVALID"):
            describe(tmp_path)


def test_the_server_describes_a_model_without_torch(checkpoints: Folders) -> None:
    script = (
        "import sys, pathlib; "
        "from skyhook_functions.imagine import abilities, image_model, picture_tools, video, video_model; "
        f"abilities.describe(pathlib.Path({str(checkpoints['text'])!r})); "
        "print(sorted({'torch', 'diffusers', 'numpy', 'PIL', 'av'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def parameters(kind: str) -> set[str]:
    return set(inspect.signature(getattr(diffusers, kind).__call__).parameters)


@pytest.mark.parametrize("name", FAMILIES)
def test_every_known_pipeline_is_called_with_arguments_that_it_has(name: str) -> None:
    family = FAMILIES[name]
    kinds = {name, family.from_text or name, family.from_picture or name}
    for kind in kinds:
        known = parameters(kind)
        needed = {"num_inference_steps", "generator", "output_type"}
        if family.guidance:
            needed.add(family.guidance_argument)
        if family.frames:
            needed |= {"num_frames", "width", "height", *filter(None, [family.fps_argument])}
        assert needed <= known
        assert {"callback", "callback_on_step_end"} & known
        assert not family.negative_prompt or "negative_prompt" in known
    if family.edit_instruction or family.upscale_factor:
        assert "image" in parameters(name)


@pytest.mark.parametrize("name", [name for name, family in FAMILIES.items() if family.generate])
def test_the_pipelines_for_a_picture_and_for_a_mask_are_found(name: str) -> None:
    family = FAMILIES[name]

    def found(tasks: dict[str, Any]) -> Any:
        return auto_pipeline._get_task_class(tasks, name, throw_error_if_not_exist=False)

    if family.image_to_image:
        kind = found(auto_pipeline.AUTO_IMAGE2IMAGE_PIPELINES_MAPPING)
        assert {"image", "strength"} <= parameters(kind.__name__)
    if family.edit_mask:
        kind = found(auto_pipeline.AUTO_INPAINT_PIPELINES_MAPPING)
        assert {"image", "mask_image", "strength"} <= parameters(kind.__name__)
