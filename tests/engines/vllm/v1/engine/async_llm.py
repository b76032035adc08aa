"""The engine: greedy and seeded generation with the weights of a checkpoint."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from types import SimpleNamespace
from typing import Any

import torch
from transformers import AutoModelForCausalLM, DynamicCache

from vllm import AsyncEngineArgs, CompletionOutput, RequestOutput
from vllm.lora.request import LoRARequest
from vllm.sampling_params import SamplingParams


class AsyncLLM:
    def __init__(self, arguments: AsyncEngineArgs) -> None:
        assert arguments.load_format == "safetensors"
        assert arguments.skip_tokenizer_init
        self._model = AutoModelForCausalLM.from_pretrained(arguments.model, use_safetensors=True).eval()
        self.model_config = SimpleNamespace(max_model_len=self._model.config.max_position_embeddings)
        self.errored = False
        print(f"vllm holds {arguments.model.rpartition('/')[2]}", flush=True)

    @classmethod
    def from_engine_args(cls, arguments: AsyncEngineArgs) -> AsyncLLM:
        return cls(arguments)

    async def generate(
        self,
        prompt: dict[str, Any],
        parameters: SamplingParams,
        request_id: str,
        lora_request: LoRARequest | None = None,
    ) -> AsyncGenerator[RequestOutput, None]:
        draw = torch.Generator()
        if parameters.seed is not None:
            draw.manual_seed(parameters.seed)
        cache, tokens = DynamicCache(), list(prompt["prompt_token_ids"])
        for made in range(1, parameters.max_tokens + 1):
            token = await asyncio.to_thread(self._next, tokens, cache, parameters, draw)
            tokens = [token]
            ends = token in parameters.stop_token_ids
            reason = "stop" if ends else "length" if made == parameters.max_tokens else None
            yield RequestOutput([CompletionOutput(tokens, reason)], num_cached_tokens=0)
            if ends:
                return

    async def add_lora(self, request: LoRARequest) -> bool:
        raise ValueError("this stand-in takes no adapters")

    def shutdown(self) -> None:
        self.errored = True

    @torch.inference_mode()
    def _next(
        self, tokens: list[int], cache: DynamicCache, parameters: SamplingParams, draw: torch.Generator
    ) -> int:
        logits = self._model(torch.tensor([tokens]), past_key_values=cache, use_cache=True).logits[0, -1]
        if parameters.temperature == 0:
            return int(logits.argmax())
        assert parameters.top_p == 1, "this stand-in knows no nucleus"
        chances = (logits / parameters.temperature).softmax(-1)
        return int(torch.multinomial(chances, 1, generator=draw))
