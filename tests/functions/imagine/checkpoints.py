"""Tiny random diffusers checkpoints, made as diffusers' own tests make them, and what runs them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import diffusers
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    CLIPImageProcessorPil,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from skyhook_functions.imagine.image_model import ImageModel
from skyhook_functions.imagine.video_model import VideoModel

Folders: TypeAlias = dict[str, Path]
WIDTH = 32
SCHEDULER = {"steps_offset": 1, "clip_sample": False}
SIDE = 64
"""The native side of every tiny picture model, in pixels."""


def tokenizer() -> CLIPTokenizer:
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(
        vocab={token: number for number, token in enumerate(tokens)}, merges=[], model_max_length=16
    )


def byte_tokenizer(longest: int = 64) -> PreTrainedTokenizerFast:
    """A token for each byte, for text encoders other than CLIP's."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = {token: number for number, token in enumerate([*letters, "<pad>"])}
    fast = Tokenizer(models.BPE(vocab=tokens, merges=[]))
    fast.pre_tokenizer = pre_tokenizers.ByteLevel()
    made = PreTrainedTokenizerFast(
        tokenizer_object=fast, pad_token="<pad>", model_max_length=longest, padding_side="right"
    )
    made.chat_template = "{%- for message in messages %}{{ message.content }}{%- endfor %}"
    return made


def clip_config(**options: Any) -> CLIPTextConfig:
    return CLIPTextConfig(
        hidden_size=WIDTH,
        intermediate_size=WIDTH,
        num_attention_heads=4,
        num_hidden_layers=2,
        vocab_size=514,
        max_position_embeddings=16,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        **options,
    )


def text_encoder() -> CLIPTextModel:
    return CLIPTextModel(clip_config())


def t5_encoder() -> T5EncoderModel:
    return T5EncoderModel(
        T5Config(vocab_size=300, d_model=WIDTH, d_kv=8, d_ff=WIDTH, num_layers=1, num_heads=4)
    )


def vision_config() -> CLIPVisionConfig:
    return CLIPVisionConfig(
        hidden_size=WIDTH,
        projection_dim=WIDTH,
        intermediate_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=224,  # which pipelines take for granted
        patch_size=32,
    )


def vae(blocks: int = 2, scaling_factor: float = 0.18215) -> Any:
    return diffusers.AutoencoderKL(
        block_out_channels=[8] * blocks,
        down_block_types=["DownEncoderBlock2D"] * blocks,
        up_block_types=["UpDecoderBlock2D"] * blocks,
        latent_channels=4,
        sample_size=SIDE,
        norm_num_groups=4,
        scaling_factor=scaling_factor,
    )


def unet(in_channels: int = 4, **options: Any) -> Any:
    return diffusers.UNet2DConditionModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        sample_size=SIDE // 2,
        in_channels=in_channels,
        out_channels=4,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=4,
        norm_num_groups=4,
        **{"cross_attention_dim": WIDTH} | options,
    )


def scheduler() -> Any:
    return diffusers.DDIMScheduler(
        beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", **SCHEDULER
    )


def stable_diffusion(kind: str, in_channels: int = 4) -> Any:
    return getattr(diffusers, kind)(
        vae=vae(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        unet=unet(in_channels),
        scheduler=scheduler(),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def upscaler() -> Any:
    return diffusers.StableDiffusionUpscalePipeline(
        vae=vae(blocks=3, scaling_factor=0.08333),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        unet=unet(7, num_class_embeds=400),
        low_res_scheduler=diffusers.DDPMScheduler(),
        scheduler=scheduler(),
        max_noise_level=350,
    )


def animate_diff() -> Any:
    adapter = diffusers.MotionAdapter(
        block_out_channels=(8, 16),
        motion_layers_per_block=1,
        motion_norm_num_groups=4,
        motion_num_attention_heads=2,
    )
    plain = unet()
    return diffusers.AnimateDiffPipeline(
        vae=vae(),
        text_encoder=text_encoder(),
        tokenizer=tokenizer(),
        unet=diffusers.UNetMotionModel.from_unet2d(plain, adapter),
        motion_adapter=adapter,
        scheduler=diffusers.DDIMScheduler(beta_schedule="linear", **SCHEDULER),
    )


def stable_video_diffusion() -> Any:
    motion = diffusers.UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=SIDE // 2,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=WIDTH,
        num_attention_heads=(2, 4),
        projection_class_embeddings_input_dim=96,
        addition_time_embed_dim=32,
    )
    return diffusers.StableVideoDiffusionPipeline(
        vae=diffusers.AutoencoderKLTemporalDecoder(
            block_out_channels=[32, 64],
            down_block_types=["DownEncoderBlock2D"] * 2,
            latent_channels=4,
            sample_size=SIDE,
        ),
        image_encoder=CLIPVisionModelWithProjection(vision_config()),
        unet=motion,
        scheduler=diffusers.EulerDiscreteScheduler(
            prediction_type="v_prediction", use_karras_sigmas=True, sigma_min=0.002, sigma_max=700.0
        ),
        feature_extractor=CLIPImageProcessorPil(),
    )


def ltx() -> Any:
    return diffusers.LTXPipeline(
        transformer=diffusers.LTXVideoTransformer3DModel(
            in_channels=8,
            out_channels=8,
            patch_size=1,
            patch_size_t=1,
            num_attention_heads=4,
            attention_head_dim=8,
            cross_attention_dim=WIDTH,
            num_layers=1,
            caption_channels=WIDTH,
        ),
        vae=diffusers.AutoencoderKLLTXVideo(
            latent_channels=8,
            block_out_channels=(8, 8, 8, 8),
            decoder_block_out_channels=(8, 8, 8, 8),
            layers_per_block=(1, 1, 1, 1, 1),
            decoder_layers_per_block=(1, 1, 1, 1, 1),
            spatio_temporal_scaling=(True, True, False, False),
            decoder_spatio_temporal_scaling=(True, True, False, False),
            decoder_inject_noise=(False, False, False, False, False),
            upsample_residual=(False, False, False, False),
            upsample_factor=(1, 1, 1, 1),
            timestep_conditioning=False,
            patch_size=1,
            patch_size_t=1,
            encoder_causal=True,
            decoder_causal=False,
        ),
        text_encoder=t5_encoder(),
        tokenizer=byte_tokenizer(),
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
    )


CHECKPOINTS: dict[str, Callable[[], Any]] = {
    "text": lambda: stable_diffusion("StableDiffusionPipeline"),
    "inpaint": lambda: stable_diffusion("StableDiffusionInpaintPipeline", 9),
    "instruct": lambda: stable_diffusion("StableDiffusionInstructPix2PixPipeline", 8),
    "upscale": upscaler,
    "animatediff": animate_diff,
    "svd": stable_video_diffusion,
    "ltx": ltx,
}


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Folders:
    """The folder of a tiny checkpoint of each kind."""
    folders: Folders = {}
    for name, make in CHECKPOINTS.items():
        torch.manual_seed(1)
        folders[name] = tmp_path_factory.mktemp(name)
        make().save_pretrained(folders[name])
    return folders


@pytest.fixture(scope="session")
def images() -> ImageModel:
    model = ImageModel()
    model.load()
    return model


@pytest.fixture(scope="session")
def videos() -> VideoModel:
    model = VideoModel()
    model.load()
    return model


@pytest.fixture(scope="session")
def unknown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pipeline of a class that nobody knows."""
    folder = tmp_path_factory.mktemp("unknown")
    (folder / "model_index.json").write_text(json.dumps({"_class_name": "DreamMachinePipeline"}))
    return folder
