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


def describe(folder: Path) -> Abilities:
    """What the model in a folder can do.

    Raises MODEL_NOT_FOUND, MODEL_INVALID, and MODEL_UNSUPPORTED, which names an unknown pipeline's class.
    """
    if (folder / PIPELINE).is_file():
        return _of_pipeline(folder)
    raise FunctionError(
        "MODEL_NOT_FOUND", f"There is no model in {folder}: it has no {PIPELINE}. Pull the model first."
    )


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
