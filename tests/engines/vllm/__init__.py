"""In place of vLLM, which CI cannot install: the part of its interface that the chat function uses.

It makes the tokens of the real weights, by transformers, a request at a time; it does not batch, cache, adapt
or use a GPU. What it is for is the way of a call through the server to an engine and back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from vllm.sampling_params import SamplingParams


@dataclass
class AsyncEngineArgs:
    model: str
    load_format: str
    skip_tokenizer_init: bool
    generation_config: str
    enable_prefix_caching: bool
    max_model_len: int
    max_num_seqs: int
    tensor_parallel_size: int
    seed: int
    disable_log_stats: bool
    enable_lora: bool = False
    max_lora_rank: int = 16
    max_loras: int = 1
    max_cpu_loras: int | None = None


@dataclass
class CompletionOutput:
    token_ids: list[int]
    finish_reason: str | None


@dataclass
class RequestOutput:
    outputs: list[CompletionOutput]
    num_cached_tokens: int | None = None


__all__: list[Any] = ["AsyncEngineArgs", "CompletionOutput", "RequestOutput", "SamplingParams"]
