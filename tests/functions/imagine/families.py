"""Tiny random checkpoints of the pipelines that the fixtures leave out, so that each known one is run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import diffusers
import torch
from tests.functions.imagine.checkpoints import (
    WIDTH,
    byte_tokenizer,
    clip_config,
    scheduler,
    t5_encoder,
    text_encoder,
    tokenizer,
    unet,
    vae,
    vision_config,
)
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPVisionModel,
    Gemma2Config,
    Gemma2Model,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen3Config,
    Qwen3Model,
)

FLOW = diffusers.FlowMatchEulerDiscreteScheduler
ATTENTION = {"num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2, "vocab_size": 300}


def flow_vae(channels: int) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=[8] * 4,
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=channels,
        norm_num_groups=4,
        shift_factor=0.06,
        scaling_factor=1.5,
        use_quant_conv=False,
        use_post_quant_conv=False,
    )


def projecting_encoder() -> Any:
    return CLIPTextModelWithProjection(clip_config(projection_dim=WIDTH))


def sdxl(kind: str, in_channels: int = 4) -> Any:
    denoiser = unet(
        in_channels,
        cross_attention_dim=2 * WIDTH,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=80,
    )
    return getattr(diffusers, kind)(
        vae=vae(),
        text_encoder=text_encoder(),
        text_encoder_2=projecting_encoder(),
        tokenizer=tokenizer(),
        tokenizer_2=tokenizer(),
        unet=denoiser,
        scheduler=diffusers.EulerDiscreteScheduler(beta_schedule="scaled_linear"),
    )


def sd3() -> Any:
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=16,
        out_channels=16,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=4,
        joint_attention_dim=WIDTH,
        caption_projection_dim=WIDTH,
        pooled_projection_dim=2 * WIDTH,
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        text_encoder=projecting_encoder(),
        tokenizer=tokenizer(),
        text_encoder_2=projecting_encoder(),
        tokenizer_2=tokenizer(),
        text_encoder_3=t5_encoder(),
        tokenizer_3=byte_tokenizer(),
        vae=flow_vae(16),
        scheduler=FLOW(),
    )


def latent_consistency() -> Any:
    return diffusers.LatentConsistencyModelPipeline(
        vae=vae(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        unet=unet(time_cond_proj_dim=WIDTH),
        scheduler=diffusers.LCMScheduler(beta_schedule="scaled_linear"),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def flux(kind: str, in_channels: int = 16) -> Any:
    transformer = diffusers.FluxTransformer2DModel(
        patch_size=1,
        in_channels=in_channels,
        out_channels=16,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=16,
        num_attention_heads=2,
        joint_attention_dim=WIDTH,
        pooled_projection_dim=WIDTH,
        axes_dims_rope=[4, 4, 8],
        guidance_embeds=True,
    )
    return getattr(diffusers, kind)(
        transformer=transformer,
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        text_encoder_2=t5_encoder(),
        tokenizer_2=byte_tokenizer(),
        vae=flow_vae(4),
        scheduler=FLOW(),
    )


def qwen() -> Any:
    rope = {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"}
    text = {"hidden_size": 16, "intermediate_size": 16, "rope_scaling": rope, "rope_theta": 1e6} | ATTENTION
    vision = {"depth": 2, "hidden_size": 16, "intermediate_size": 16, "num_heads": 2, "out_hidden_size": 16}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, hidden_size=16, vocab_size=300)
    return diffusers.QwenImagePipeline(
        transformer=diffusers.QwenImageTransformer2DModel(
            in_channels=16,
            out_channels=4,
            num_layers=1,
            attention_head_dim=16,
            num_attention_heads=3,
            joint_attention_dim=16,
            axes_dims_rope=(8, 4, 4),
        ),
        vae=diffusers.AutoencoderKLQwenImage(
            base_dim=24,
            z_dim=4,
            dim_mult=[1, 2, 4],
            num_res_blocks=1,
            temperal_downsample=[False, True],
            latents_mean=[0.0] * 4,
            latents_std=[1.0] * 4,
        ),
        scheduler=FLOW(),
        text_encoder=Qwen2_5_VLForConditionalGeneration(config),
        tokenizer=byte_tokenizer(),
    )


def z_image() -> Any:
    transformer = diffusers.ZImageTransformer2DModel(
        in_channels=16,
        dim=WIDTH,
        n_layers=1,
        n_refiner_layers=1,
        n_heads=2,
        n_kv_heads=2,
        cap_feat_dim=16,
        axes_dims=[8, 4, 4],
        axes_lens=[1024, 64, 64],
    )
    with torch.no_grad():  # which are left as the memory was
        transformer.x_pad_token.fill_(1.0)
        transformer.cap_pad_token.fill_(1.0)
    encoder = Qwen3Model(Qwen3Config(hidden_size=16, intermediate_size=16, **ATTENTION))
    return diffusers.ZImagePipeline(
        transformer=transformer,
        vae=flow_vae(16),
        scheduler=FLOW(),
        text_encoder=encoder,
        tokenizer=byte_tokenizer(),
    )


def pixart(kind: str) -> Any:
    transformer = diffusers.PixArtTransformer2DModel(
        sample_size=8,
        num_layers=1,
        attention_head_dim=8,
        num_attention_heads=3,
        caption_channels=WIDTH,
        cross_attention_dim=24,
        norm_elementwise_affine=False,
    )
    return getattr(diffusers, kind)(
        transformer=transformer,
        vae=vae(),
        scheduler=scheduler(),
        text_encoder=t5_encoder(),
        tokenizer=byte_tokenizer(),
    )


def sana() -> Any:
    transformer = diffusers.SanaTransformer2DModel(
        in_channels=4,
        out_channels=4,
        num_layers=1,
        num_attention_heads=2,
        attention_head_dim=4,
        num_cross_attention_heads=2,
        cross_attention_head_dim=4,
        cross_attention_dim=8,
        caption_channels=8,
    )
    autoencoder = diffusers.AutoencoderDC(
        in_channels=3,
        latent_channels=4,
        attention_head_dim=2,
        **{
            f"{half}_{name}": value
            for half in ("encoder", "decoder")
            for name, value in (
                ("block_types", ("ResBlock", "EfficientViTBlock")),
                ("block_out_channels", (8, 8)),
                ("qkv_multiscales", ((), (5,))),
                ("layers_per_block", (1, 1)),
            )
        },
        downsample_block_type="conv",
    )
    config = Gemma2Config(hidden_size=8, intermediate_size=16, head_dim=16, **ATTENTION)
    return diffusers.SanaPipeline(
        transformer=transformer,
        vae=autoencoder,
        scheduler=FLOW(),
        text_encoder=Gemma2Model(config),
        tokenizer=byte_tokenizer(),
    )


def latent_upscaler() -> Any:
    cross = ("KCrossAttnDownBlock2D", "KCrossAttnUpBlock2D")
    denoiser = diffusers.UNet2DConditionModel(
        act_fn="gelu",
        attention_head_dim=8,
        norm_num_groups=None,
        block_out_channels=[32, 32, 64, 64],
        time_cond_proj_dim=160,
        conv_in_kernel=1,
        conv_out_kernel=1,
        cross_attention_dim=WIDTH,
        down_block_types=("KDownBlock2D", *[cross[0]] * 3),
        up_block_types=(*[cross[1]] * 3, "KUpBlock2D"),
        in_channels=8,
        out_channels=5,
        mid_block_type=None,
        only_cross_attention=False,
        resnet_time_scale_shift="scale_shift",
        time_embedding_type="fourier",
        timestep_post_act="gelu",
    )
    return diffusers.StableDiffusionLatentUpscalePipeline(
        unet=denoiser,
        vae=vae(blocks=4),
        scheduler=diffusers.EulerDiscreteScheduler(prediction_type="sample"),
        text_encoder=CLIPTextModel(CLIPTextConfig(**clip_config().to_dict() | {"projection_dim": 512})),
        tokenizer=tokenizer(),
    )


def wan(*, from_picture: bool) -> Any:
    transformer = diffusers.WanTransformer3DModel(
        num_attention_heads=2,
        attention_head_dim=12,
        in_channels=36 if from_picture else 16,
        out_channels=16,
        text_dim=WIDTH,
        ffn_dim=WIDTH,
        num_layers=1,
        rope_max_seq_len=32,
        image_dim=WIDTH if from_picture else None,
    )
    parts = {
        "transformer": transformer,
        "vae": diffusers.AutoencoderKLWan(base_dim=3, dim_mult=[1, 1, 1, 1], num_res_blocks=1),
        "scheduler": FLOW(shift=7.0),
        "text_encoder": t5_encoder(),
        "tokenizer": byte_tokenizer(),
    }
    if not from_picture:
        return diffusers.WanPipeline(**parts)
    encoder = CLIPVisionModel(vision_config())
    return diffusers.WanImageToVideoPipeline(
        **parts, image_encoder=encoder, image_processor=CLIPImageProcessorPil()
    )


def cog_video(kind: str, in_channels: int) -> Any:
    transformer = diffusers.CogVideoXTransformer3DModel(
        num_attention_heads=4,
        attention_head_dim=16,
        in_channels=in_channels,
        out_channels=4,
        time_embed_dim=2,
        text_embed_dim=WIDTH,
        num_layers=1,
        sample_width=8,
        sample_height=8,
        sample_frames=9,
        max_text_seq_length=16,
        use_rotary_positional_embeddings=True,
    )
    autoencoder = diffusers.AutoencoderKLCogVideoX(
        block_out_channels=(8, 8, 8, 8), latent_channels=4, layers_per_block=1, norm_num_groups=2
    )
    return getattr(diffusers, kind)(
        transformer=transformer,
        vae=autoencoder,
        scheduler=diffusers.CogVideoXDDIMScheduler(),
        text_encoder=t5_encoder(),
        tokenizer=byte_tokenizer(longest=16),
    )


MADE: dict[str, Callable[[], Any]] = {
    "StableDiffusionXLPipeline": lambda: sdxl("StableDiffusionXLPipeline"),
    "StableDiffusion3Pipeline": sd3,
    "LatentConsistencyModelPipeline": latent_consistency,
    "FluxPipeline": lambda: flux("FluxPipeline"),
    "QwenImagePipeline": qwen,
    "ZImagePipeline": z_image,
    "PixArtAlphaPipeline": lambda: pixart("PixArtAlphaPipeline"),
    "PixArtSigmaPipeline": lambda: pixart("PixArtSigmaPipeline"),
    "SanaPipeline": sana,
    "StableDiffusionXLInpaintPipeline": lambda: sdxl("StableDiffusionXLInpaintPipeline", 9),
    "FluxFillPipeline": lambda: flux("FluxFillPipeline", 288),
    "StableDiffusionXLInstructPix2PixPipeline": lambda: sdxl("StableDiffusionXLInstructPix2PixPipeline", 8),
    "FluxKontextPipeline": lambda: flux("FluxKontextPipeline"),
    "StableDiffusionLatentUpscalePipeline": latent_upscaler,
    "WanPipeline": lambda: wan(from_picture=False),
    "WanImageToVideoPipeline": lambda: wan(from_picture=True),
    "CogVideoXPipeline": lambda: cog_video("CogVideoXPipeline", 4),
    "CogVideoXImageToVideoPipeline": lambda: cog_video("CogVideoXImageToVideoPipeline", 8),
}
IN_FIXTURES = {
    "StableDiffusionPipeline",
    "StableDiffusionInpaintPipeline",
    "StableDiffusionInstructPix2PixPipeline",
    "StableDiffusionUpscalePipeline",
    "AnimateDiffPipeline",
    "StableVideoDiffusionPipeline",
    "LTXPipeline",
}
"""Those of `checkpoints.CHECKPOINTS`."""
