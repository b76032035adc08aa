"""A picture of what a diffusers pipeline is making, from its latents, for little time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from PIL.Image import Image
    from torch import Tensor

LATENT_SIDE = 24
"""Latents are averaged down to this many pixels a side before they are decoded: a tenth of the time."""


def draw(pipeline: Any, latents: Tensor) -> Image | None:
    """What the latents of one step show; None where only a whole decoder could tell.

    Latents are [1, channels, height, width], or of a video [1, channels, frames, height, width], of which the
    frame in the middle is shown, from an image autoencoder. Packed latents and video autoencoders give None.
    """
    import diffusers
    import PIL.Image
    import torch

    vae: Any = getattr(pipeline, "vae", None)
    if latents.ndim == 5:
        latents = latents[:, :, latents.shape[2] // 2]
    if not isinstance(vae, diffusers.AutoencoderKL) or latents.ndim != 4:
        return None
    if latents.shape[1] != vae.config.latent_channels:
        return None
    with torch.inference_mode():
        shrink = max(1, max(latents.shape[2:]) // LATENT_SIDE)
        small = torch.nn.functional.avg_pool2d(latents[:1].float(), shrink)
        small = small / vae.config.scaling_factor + (vae.config.shift_factor or 0)
        pixels = vae.decode(small.to(vae.dtype), return_dict=False)[0][0]
        pixels = (pixels.float().nan_to_num() * 127.5 + 127.5).clamp(0, 255).byte()
    return PIL.Image.fromarray(pixels.permute(1, 2, 0).cpu().numpy())
