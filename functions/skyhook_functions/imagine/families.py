"""The diffusers pipelines that the functions know: what each is for and how it is called.

A pipeline that is not here is refused by name: its arguments, sizes and frame counts would be guesses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Family:
    """What all checkpoints of one pipeline class have in common."""

    generate: bool = False
    image_to_image: bool = False
    edit_mask: bool = False
    edit_instruction: bool = False
    upscale_factor: int = 0
    steps: int = 30
    guidance: float = 7.5
    guidance_argument: str = "guidance_scale"
    """The argument of the pipeline's call that the guidance is given as."""
    negative_prompt: bool = True
    size: tuple[int, int] | None = None
    """The native width and height; None where a checkpoint's `sample_size` tells."""
    multiple: int = 8
    """Sides are multiples of this; what is made beyond the size that is asked for is cropped."""
    from_text: str = ""
    """The pipeline class that makes video from a prompt; empty where none does."""
    from_picture: str = ""
    """The pipeline class that makes video from a picture on, of the same components."""
    frames: int = 0
    """The default number of frames."""
    most_frames: int = 0
    frame_step: int = 1
    """It makes `frame_step * n + 1` frames; with 1, any number."""
    fps: int = 0
    fps_argument: str = ""
    packages: tuple[str, ...] = ()
    """What its code imports beside the functions' requirements."""


_LATENT = Family(generate=True, image_to_image=True, edit_mask=True)

FAMILIES = {
    # Pictures from a prompt
    "StableDiffusionPipeline": _LATENT,
    "StableDiffusionXLPipeline": Family(generate=True, image_to_image=True, edit_mask=True, guidance=5.0),
    "StableDiffusion3Pipeline": Family(
        generate=True, image_to_image=True, edit_mask=True, steps=28, guidance=7.0, multiple=16
    ),
    "LatentConsistencyModelPipeline": Family(
        generate=True, image_to_image=True, steps=4, guidance=8.5, negative_prompt=False
    ),
    "FluxPipeline": Family(
        generate=True,
        image_to_image=True,
        edit_mask=True,
        steps=28,
        guidance=3.5,
        negative_prompt=False,
        size=(1024, 1024),
        multiple=16,
    ),
    "QwenImagePipeline": Family(
        generate=True,
        image_to_image=True,
        edit_mask=True,
        guidance=4.0,
        guidance_argument="true_cfg_scale",
        size=(1024, 1024),
        multiple=16,
    ),
    "ZImagePipeline": Family(
        generate=True, image_to_image=True, edit_mask=True, guidance=5.0, size=(1024, 1024), multiple=16
    ),
    "PixArtAlphaPipeline": Family(generate=True, steps=20, guidance=4.5),
    "PixArtSigmaPipeline": Family(generate=True, steps=20, guidance=4.5),
    "SanaPipeline": Family(generate=True, steps=20, guidance=4.5, size=(1024, 1024), multiple=32),
    # Pictures from a picture
    "StableDiffusionInpaintPipeline": Family(edit_mask=True),
    "StableDiffusionXLInpaintPipeline": Family(edit_mask=True),
    "FluxFillPipeline": Family(
        edit_mask=True, guidance=30.0, negative_prompt=False, size=(1024, 1024), multiple=16
    ),
    "StableDiffusionInstructPix2PixPipeline": Family(edit_instruction=True),
    "StableDiffusionXLInstructPix2PixPipeline": Family(edit_instruction=True, guidance=5.0),
    "FluxKontextPipeline": Family(
        generate=True,
        edit_instruction=True,
        steps=28,
        guidance=3.5,
        negative_prompt=False,
        size=(1024, 1024),
        multiple=16,
    ),
    "StableDiffusionUpscalePipeline": Family(upscale_factor=4, guidance=9.0),
    "StableDiffusionLatentUpscalePipeline": Family(
        upscale_factor=2, steps=20, guidance=0.0, negative_prompt=False, multiple=64
    ),
    # Video
    "AnimateDiffPipeline": Family(from_text="AnimateDiffPipeline", frames=16, most_frames=32, fps=8),
    "StableVideoDiffusionPipeline": Family(
        from_picture="StableVideoDiffusionPipeline",
        steps=25,
        guidance=3.0,
        guidance_argument="max_guidance_scale",
        negative_prompt=False,
        size=(1024, 576),
        frames=25,
        most_frames=25,
        fps=7,
        fps_argument="fps",
    ),
    "LTXPipeline": Family(
        from_text="LTXPipeline",
        from_picture="LTXImageToVideoPipeline",
        guidance=3.0,
        size=(704, 512),
        multiple=32,
        frames=97,
        most_frames=257,
        frame_step=8,
        fps=24,
        fps_argument="frame_rate",
    ),
    "WanPipeline": Family(
        packages=("accelerate",),
        from_text="WanPipeline",
        guidance=5.0,
        size=(832, 480),
        multiple=16,
        frames=81,
        most_frames=81,
        frame_step=4,
        fps=16,
    ),
    "WanImageToVideoPipeline": Family(
        packages=("accelerate", "ftfy"),
        from_picture="WanImageToVideoPipeline",
        guidance=5.0,
        size=(832, 480),
        multiple=16,
        frames=81,
        most_frames=81,
        frame_step=4,
        fps=16,
    ),
    "CogVideoXPipeline": Family(
        from_text="CogVideoXPipeline",
        steps=50,
        guidance=6.0,
        size=(720, 480),
        multiple=16,
        frames=49,
        most_frames=49,
        frame_step=4,
        fps=8,
    ),
    "CogVideoXImageToVideoPipeline": Family(
        from_picture="CogVideoXImageToVideoPipeline",
        steps=50,
        guidance=6.0,
        size=(720, 480),
        multiple=16,
        frames=49,
        most_frames=49,
        frame_step=4,
        fps=8,
    ),
}
