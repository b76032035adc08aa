"""Runs diffusers pipelines: one call for each picture or piece of video, step by step."""

from __future__ import annotations

import inspect
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skyhook.function import FunctionError
from skyhook_functions.imagine import pictures, previews
from skyhook_functions.imagine.abilities import family_of, invalid
from skyhook_functions.imagine.loading import load_pipeline

if TYPE_CHECKING:
    from PIL.Image import Image

    from skyhook_functions.imagine.plan import ImagePlan, SegmentPlan, Task, UpscalePlan
    from skyhook_functions.imagine.progress import Steps
    from skyhook_functions.imagine.video import Frame

TILED_ABOVE = 1024 * 1024
"""Pictures of more pixels are decoded in tiles: a decoder's memory grows with the area."""


class DiffusersImages:
    """Makes pictures with the pipeline of a folder and those that share its components."""

    def __init__(self, folder: Path) -> None:
        """Raises MODEL_INVALID and MODEL_UNSUPPORTED."""
        self._folder = folder
        self._family = family_of(folder)
        self._base = load_pipeline(folder)

    def steps(self, plan: ImagePlan) -> int:
        """How many steps each picture takes."""
        if plan.task in ("image_to_image", "edit_mask"):
            return max(1, int(_steps_to_ask(plan) * plan.strength))
        return plan.steps

    def make(self, plan: ImagePlan, seed: int, steps: Steps) -> Image:
        """One picture of the plan. Raises Closed, and PICTURE_WITHHELD."""
        pipeline = self._for(plan.task)
        width, height = (_round_up(side, self._family.multiple) for side in (plan.width, plan.height))
        arguments = {
            "prompt": plan.prompt,
            "negative_prompt": plan.negative_prompt,
            "width": width,
            "height": height,
            "image": plan.init and pictures.fitted(plan.init, width, height),
            "mask_image": plan.mask and pictures.fitted(plan.mask, width, height),
            "strength": plan.strength,
            "num_inference_steps": _steps_to_ask(plan),
            self._family.guidance_argument: plan.guidance,
            # Some pipelines would choose a size of their own.
            "use_resolution_binning": False,
            "max_area": width * height,
        }
        made = _picture_of(_call(pipeline, arguments, seed, width * height, steps))
        return pictures.fitted(made, plan.width, plan.height)

    def upscale(self, plan: UpscalePlan, steps: Steps) -> Image:
        """The plan's picture enlarged. Raises Closed, and MODEL_INVALID where it has another size."""
        wide, high = plan.picture.size
        padded = _padded(plan.picture, self._family.multiple)
        arguments = {
            "prompt": plan.prompt,
            "image": padded,
            "num_inference_steps": plan.steps,
            self._family.guidance_argument: plan.guidance,
        }
        area = padded.width * padded.height * plan.factor**2
        made = _picture_of(_call(self._base, arguments, plan.seed, area, steps))
        if made.size != (padded.width * plan.factor, padded.height * plan.factor):
            raise invalid(self._folder, f"it does not enlarge by {plan.factor}")
        return made.crop((0, 0, wide * plan.factor, high * plan.factor))

    def _for(self, task: Task) -> Any:
        """The pipeline for a task: the folder's own, or one of the same components."""
        import diffusers

        if task == "image_to_image":
            return diffusers.AutoPipelineForImage2Image.from_pipe(self._base)
        if task == "edit_mask" and self._family.generate:
            return diffusers.AutoPipelineForInpainting.from_pipe(self._base)
        return self._base


class DiffusersVideo:
    """Makes video with the pipeline of a folder, or with its sibling that begins with a picture."""

    def __init__(self, folder: Path) -> None:
        """Raises MODEL_INVALID and MODEL_UNSUPPORTED."""
        self._family = family_of(folder)
        self._base = load_pipeline(folder)

    def steps(self, plan: SegmentPlan) -> int:
        """How many steps the plan takes."""
        return plan.steps

    def make(self, plan: SegmentPlan, steps: Steps) -> tuple[list[Frame], list[Frame]]:
        """The plan's frames, and the last one by itself. Raises Closed."""
        family = self._family
        # What it goes on from is the first frame that comes out.
        given = plan.before[-1] if plan.before else plan.start
        repeated = 1 if plan.before else 0
        width, height = (_round_up(side, family.multiple) for side in (plan.width, plan.height))
        frames = _round_up(max(plan.frames + repeated - 1, 1), family.frame_step) + 1
        arguments = {
            "prompt": plan.prompt,
            "negative_prompt": plan.negative_prompt,
            "image": given and pictures.fitted(given, width, height),
            "width": width,
            "height": height,
            "num_frames": frames,
            "num_inference_steps": plan.steps,
            family.guidance_argument: plan.guidance,
            family.fps_argument: plan.fps,
        }
        pipeline = self._like(family.from_picture if given is not None else family.from_text)
        made = _call(pipeline, arguments, plan.seed, width * height, steps, output_type="np").frames[0]
        left, top = (made.shape[2] - plan.width) // 2, (made.shape[1] - plan.height) // 2
        kept = made[repeated : repeated + plan.frames, top : top + plan.height, left : left + plan.width]
        frames_made = list((kept * 255).round().astype("uint8"))
        return frames_made, frames_made[-1:]

    def _like(self, name: str) -> Any:
        import diffusers

        kind = getattr(diffusers, name)
        if type(self._base) is kind:
            return self._base
        return kind.from_pipe(self._base, dtype=self._base.dtype)


def _call(
    pipeline: Any, arguments: dict[str, Any], seed: int, area: int, steps: Steps, output_type: str = "pil"
) -> Any:
    """Calls a pipeline with those of the arguments that it takes; returns its output."""
    import torch

    known = inspect.signature(pipeline.__call__).parameters
    taken = {name: value for name, value in arguments.items() if name in known and value is not None}
    if not taken.get("negative_prompt", True):
        del taken["negative_prompt"]
        if "true_cfg_scale" in taken:  # this guidance is away from a negative prompt, be it empty
            taken["negative_prompt"] = " "
    if hasattr(getattr(pipeline, "vae", None), "enable_tiling"):
        (pipeline.vae.enable_tiling if area > TILED_ABOVE else pipeline.vae.disable_tiling)()
    pipeline.set_progress_bar_config(disable=True)
    torch.manual_seed(seed)  # for what does not ask the generator
    return pipeline(
        **taken,
        **_callback(pipeline, known, steps),
        generator=torch.Generator("cpu").manual_seed(seed),
        output_type=output_type,
    )


def _callback(pipeline: Any, known: Any, steps: Steps) -> dict[str, Any]:
    """The arguments by which a pipeline reports its steps; what the callback raises ends the call."""

    def done(step: int, latents: Any) -> None:
        of = getattr(pipeline, "num_timesteps", None) or len(pipeline.scheduler.timesteps)
        steps.done(step + 1, of, lambda: previews.draw(pipeline, latents))

    if "callback_on_step_end" in known:

        def on_step_end(_: Any, step: int, __: Any, values: dict[str, Any]) -> dict[str, Any]:
            done(step, values["latents"])
            return values

        return {"callback_on_step_end": on_step_end}
    return {"callback": lambda step, _, latents: done(step, latents), "callback_steps": 1}


def _picture_of(output: Any) -> Image:
    if any(getattr(output, "nsfw_content_detected", None) or ()):
        raise FunctionError(
            "PICTURE_WITHHELD",
            "The model's own safety checker withholds the picture. Change the prompt or the seed.",
        )
    picture: Image = output.images[0]
    return picture.convert("RGB")


def _steps_to_ask(plan: ImagePlan) -> int:
    """Of its steps a pipeline takes the share that `strength` is, which must be one at least."""
    return max(plan.steps, math.ceil(1 / plan.strength))


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple


def _padded(picture: Image, multiple: int) -> Image:
    """The picture with its last row and column repeated up to sides that are multiples."""
    import numpy
    import PIL.Image

    wide, high = (_round_up(side, multiple) for side in picture.size)
    around = ((0, high - picture.height), (0, wide - picture.width), (0, 0))
    return PIL.Image.fromarray(numpy.pad(numpy.asarray(picture), around, mode="edge"))
