"""vLLM's engine in this process's terms: one model at a time, which has the whole GPU."""

from __future__ import annotations

import asyncio
import itertools
import logging
import re
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from transformers import AutoConfig, AutoTokenizer, GenerationConfig
from vllm import AsyncEngineArgs, SamplingParams
from vllm.inputs.engine import tokens_input
from vllm.lora.request import LoRARequest
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError

from skyhook.function import FunctionError
from skyhook_functions.chat import adapters
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.tokenizer import ChatTokenizer, invalid, weights_bytes
from skyhook_functions.chat.vllm_request import sampling_parameters, stopped, tokens_of

if TYPE_CHECKING:
    from skyhook_functions.chat.stream import Tokens

LARGEST_RANK = 64
"""The largest rank of an adapter; the engine sets memory aside for it."""
ADAPTERS_AT_ONCE = 4
"""Adapters that one step's streams can have; others wait."""
ADAPTERS_HELD = 32
"""Adapters in the machine's memory; the least recently used goes."""
REFUSED_S = 30.0
"""How long a model whose engine did not start is refused without another try."""

WORKER_REASON = re.compile(r"Worker failed with error '(.+)', please check", re.DOTALL)

logger = logging.getLogger("skyhook.functions")


class Engine:
    """A running engine with one base model. Made and used in an event loop."""

    def __init__(self, folder: Path, *, most_streams: int, with_adapters: bool) -> None:
        """Starts it, which takes minutes for a large model. Raises MODEL_NOT_FOUND and MODEL_INVALID."""
        weights_bytes(folder)
        self.folder = folder
        self.with_adapters = with_adapters
        self.users = 0
        self._adapter_ids: dict[Path, int] = {}
        self._checked: set[Path] = set()
        self._requests = itertools.count()
        try:
            self._llm = AsyncLLM.from_engine_args(_arguments(folder, most_streams, with_adapters))
        except Exception as error:  # the engine's process prints the cause and does not send it
            raise invalid(folder, f"vLLM does not start with it, see the function's log ({error})") from error
        self.context_tokens: int = self._llm.model_config.max_model_len

    @property
    def has_stopped(self) -> bool:
        """It cannot be used any more."""
        return bool(self._llm.errored)

    async def generate(
        self,
        prompt: list[int],
        sampling: Sampling,
        eos: frozenset[int],
        adapter: LoRARequest | None,
        salt: str,
    ) -> AsyncGenerator[Tokens, None]:
        """The answer's tokens. Closing this takes the request out of the batch. Raises ENGINE_STOPPED."""
        parameters = SamplingParams(**sampling_parameters(sampling, eos), output_kind=RequestOutputKind.DELTA)
        outputs = self._llm.generate(
            tokens_input(prompt, cache_salt=salt or None),
            parameters,
            str(next(self._requests)),
            lora_request=adapter,
        )
        try:
            async with aclosing(outputs):
                async for output in outputs:
                    yield tokens_of(output)
        except EngineDeadError as error:
            raise stopped() from error

    async def adapter(self, folder: Path) -> LoRARequest:
        """An adapter, loaded unless it is. Raises MODEL_NOT_FOUND and MODEL_INVALID."""
        number = self._adapter_ids.setdefault(folder, len(self._adapter_ids) + 1)
        if folder not in self._checked:
            await asyncio.to_thread(adapters.check, folder, self.folder)
            self._checked.add(folder)
        request = LoRARequest(str(folder), number, str(folder))
        try:
            # Before each request: one that was dropped and cannot be read again would end the engine.
            await self._llm.add_lora(request)
        except EngineDeadError as error:
            raise stopped() from error
        except Exception as error:
            raise adapters.invalid(folder, _reason(error)) from error
        return request

    def close(self) -> None:
        """Ends its processes."""
        self._llm.shutdown()


class Engines:
    """At most one engine, of the model that was asked for last. All methods are of one event loop."""

    def __init__(self, most_streams: int) -> None:
        self._most_streams = most_streams
        self._engine: Engine | None = None
        self._turn = asyncio.Lock()
        self._left = asyncio.Event()
        self._refused: tuple[Path, float, FunctionError] | None = None

    @asynccontextmanager
    async def use(self, folder: Path, *, with_adapters: bool) -> AsyncIterator[Engine]:
        """The engine of a base model. Another model's calls end first; those that come later wait.

        An engine starts without a place for adapters, and anew with one when the first is asked for.
        Raises MODEL_NOT_FOUND and MODEL_INVALID.
        """
        async with self._turn:
            engine = self._engine
            if (
                engine is None
                or engine.folder != folder
                or engine.has_stopped
                or (with_adapters and not engine.with_adapters)
            ):
                engine = await self._start(folder, with_adapters)
            engine.users += 1
        try:
            yield engine
        finally:
            engine.users -= 1
            self._left.set()

    def close(self) -> None:
        """Ends the engine."""
        if self._engine is not None:
            self._engine.close()
            self._engine = None

    async def _start(self, folder: Path, with_adapters: bool) -> Engine:
        if self._refused is not None:
            refused, at, error = self._refused
            if refused == folder and time.monotonic() - at < REFUSED_S:
                raise error
        while self._engine is not None and self._engine.users:
            self._left.clear()
            await self._left.wait()
        self.close()
        started = time.monotonic()
        try:
            # It blocks the loop, in which no call has anything to do meanwhile.
            engine = Engine(folder, most_streams=self._most_streams, with_adapters=with_adapters)
        except FunctionError as error:
            self._refused = folder, time.monotonic(), error
            raise
        logger.info("vLLM has started with %s in %.0f s", folder, time.monotonic() - started)
        self._engine = engine
        return engine


def _reason(error: Exception) -> str:
    """What the engine's process says of a failed call, without what its layers wrap around it."""
    found = WORKER_REASON.search(str(error))
    return found[1].rstrip(".") if found else str(error)


def tokenizer_of(folder: Path) -> ChatTokenizer:
    """The tokenizer of a checkpoint. Raises MODEL_NOT_FOUND and MODEL_INVALID."""
    weights_bytes(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if (folder / "generation_config.json").is_file():
            generation = GenerationConfig.from_pretrained(folder, local_files_only=True)
        else:
            config = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            generation = GenerationConfig.from_model_config(config)
        return ChatTokenizer(folder, tokenizer, generation.eos_token_id)
    except Exception as error:  # whatever a broken file makes the library raise
        raise invalid(folder, f"{type(error).__name__}: {error}") from error


def _arguments(folder: Path, most_streams: int, with_adapters: bool) -> AsyncEngineArgs:
    places = {
        "enable_lora": True,
        "max_lora_rank": LARGEST_RANK,
        "max_loras": ADAPTERS_AT_ONCE,
        "max_cpu_loras": ADAPTERS_HELD,
    }
    return AsyncEngineArgs(
        model=str(folder),
        load_format="safetensors",  # never a pickle
        skip_tokenizer_init=True,
        generation_config="vllm",
        enable_prefix_caching=True,
        max_model_len=-1,  # the model's, or what fits the memory
        max_num_seqs=most_streams,
        tensor_parallel_size=_gpus(),
        seed=secrets.randbits(31),  # what is drawn without a seed is drawn anew by each engine
        disable_log_stats=True,
        **(places if with_adapters else {}),
    )


def _gpus() -> int:
    """The GPUs that a model is spread over: a power of two, which divides its heads."""
    count: int = torch.cuda.device_count()
    return 1 << max(count, 1).bit_length() - 1
