"""What a model's folder can do, read from its JSON files alone: the server asks without loading torch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from skyhook.function import FunctionError
from skyhook_functions.imagine.families import FAMILIES, Family
from skyhook_functions.imagine.messages import LARGEST_SIDE, SIDE_STEP, SMALLEST_SIDE, Abilities

PIPELINE = "model_index.json"
CONFIG = "config.json"
LARGEST_VIDEO_SIDE = 1280
DEFAULT_SIDE = 512
SMALL_IMAGES, SMALL_VIDEO = "skyhook-scenes", "skyhook-scenes-video"
"""The `model_type` of the bundled small models."""
LARGEST_SMALL_SIDE = 1024
"""What a small model makes is resampled up to this side, in pixels."""
MOST_GOES = 10
"""How often the small video model goes on by itself for one segment."""


def describe(folder: Path) -> Abilities:
    """What the model in a folder can do.

    Raises MODEL_NOT_FOUND, MODEL_INVALID, and MODEL_UNSUPPORTED, which names an unknown pipeline's class.
    """
    if is_pipeline(folder):
        return _of_pipeline(folder)
    if (folder / CONFIG).is_file():
        return _of_small_model(folder)
    raise FunctionError(
        "MODEL_NOT_FOUND",
        f"There is no model in {folder}: it has no {PIPELINE} and no {CONFIG}. Pull the model first.",
    )


def is_pipeline(folder: Path) -> bool:
    """Whether the folder holds a diffusers pipeline, and not a bundled small model."""
    return (folder / PIPELINE).is_file()


def family_of(folder: Path) -> Family:
    """The family of a diffusers pipeline's folder. Raises MODEL_INVALID and MODEL_UNSUPPORTED."""
    name = read_json(folder, PIPELINE).get("_class_name")
    if not isinstance(name, str):
        raise invalid(folder, f"its {PIPELINE} names no pipeline class, or one with code of its own")
    if name not in FAMILIES:
        raise FunctionError(
            "MODEL_UNSUPPORTED",
            f"The model in {folder} is a {name}, which is not supported. Supported are "
            f"{', '.join(sorted(FAMILIES))}.",
        )
    return FAMILIES[name]


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """An object in a JSON file of a model. Raises MODEL_INVALID."""
    try:
        content = json.loads((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise invalid(folder, f"its {name} cannot be read ({error})") from error
    if not isinstance(content, dict):
        raise invalid(folder, f"its {name} is no object")
    return content


def invalid(folder: Path, reason: str) -> FunctionError:
    """MODEL_INVALID: a model's files cannot be used."""
    return FunctionError("MODEL_INVALID", f"The model in {folder} cannot be used: {reason}.")


def _of_pipeline(folder: Path) -> Abilities:
    family = family_of(folder)
    width, height = family.size or _native_size(folder)
    picture = bool(family.from_picture)
    return Abilities(
        kind=str(read_json(folder, PIPELINE)["_class_name"]),
        generate=family.generate,
        image_to_image=family.image_to_image,
        edit_mask=family.edit_mask,
        edit_instruction=family.edit_instruction,
        upscale_factors=[family.upscale_factor] if family.upscale_factor else [],
        video=bool(family.from_text),
        animate=picture,
        extend=picture,
        width=width,
        height=height,
        largest_side=LARGEST_VIDEO_SIDE if family.frames else LARGEST_SIDE,
        steps=family.steps,
        guidance=family.guidance,
        negative_prompt=family.negative_prompt,
        # The frame that it goes on from comes out again, and is not a new one.
        frames=family.frames - picture,
        most_frames=family.most_frames - picture,
        fps=family.fps,
        given_frames=int(picture),
    )


def _of_small_model(folder: Path) -> Abilities:
    config = read_json(folder, CONFIG)
    kind = config.get("model_type")
    if kind not in (SMALL_IMAGES, SMALL_VIDEO):
        raise FunctionError(
            "MODEL_UNSUPPORTED",
            f"The model in {folder} is a {kind!r} and no diffusers pipeline: it makes no pictures.",
        )
    try:
        return _of_small_video(config) if kind == SMALL_VIDEO else _of_small_images(config)
    except (KeyError, TypeError, ValueError) as error:
        raise invalid(folder, f"its {CONFIG} is incomplete ({error!r})") from error


def _of_small_images(config: dict[str, Any]) -> Abilities:
    size = int(config["size"])
    return Abilities(
        kind=SMALL_IMAGES,
        generate=True,
        image_to_image=True,
        edit_mask=True,
        width=size,
        height=size,
        largest_side=LARGEST_SMALL_SIDE,
        resamples=True,
        steps=int(config["sampling"]["steps"]),
        guidance=float(config["sampling"]["guidance"]),
    )


def _of_small_video(config: dict[str, Any]) -> Abilities:
    size, moment = int(config["size"]), int(config["shape"]["frames"])
    context = 1 + moment
    # What one go adds to as many given frames as are of use.
    frames = 1 + (int(config["shape"]["moments"]) - 1) * moment - context
    return Abilities(
        kind=SMALL_VIDEO,
        video=True,
        animate=True,
        extend=True,
        width=size,
        height=size,
        largest_side=LARGEST_SMALL_SIDE,
        resamples=True,
        steps=int(config["sampling"]["steps"]),
        guidance=float(config["sampling"]["guidance"]),
        frames=frames,
        most_frames=MOST_GOES * frames,
        fps=round(config["sampling"]["fps"]),
        given_frames=context,
    )


def _native_size(folder: Path) -> tuple[int, int]:
    """The size that the denoiser was trained for, from `sample_size` in latent pixels."""
    for part in ("unet", "transformer"):
        if (folder / part / CONFIG).is_file():
            sample = read_json(folder, f"{part}/{CONFIG}").get("sample_size")
            height, width = sample if isinstance(sample, list) and len(sample) == 2 else (sample, sample)
            if isinstance(width, int) and isinstance(height, int):
                scale = _vae_scale(folder)
                return _side(width * scale), _side(height * scale)
    return DEFAULT_SIDE, DEFAULT_SIDE


def _vae_scale(folder: Path) -> int:
    """How many pixels a latent pixel stands for, on each side."""
    if not (folder / "vae" / CONFIG).is_file():
        return 8
    blocks = read_json(folder, f"vae/{CONFIG}").get("block_out_channels")
    return int(2 ** (len(blocks) - 1)) if isinstance(blocks, list) and blocks else 8


def _side(pixels: int) -> int:
    return max(SMALLEST_SIDE, min(LARGEST_SIDE, pixels)) // SIDE_STEP * SIDE_STEP
