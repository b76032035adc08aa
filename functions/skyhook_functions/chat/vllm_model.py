"""The chat model on vLLM: large models on a GPU, their LoRA adapters, and prompts that are read once."""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections.abc import Coroutine, Iterator
from concurrent.futures import Future
from contextlib import aclosing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from skyhook.function import function
from skyhook_functions.chat.answer import Answer
from skyhook_functions.chat.context import fit
from skyhook_functions.chat.messages import Count, CountRequest, Delta, GenerateRequest
from skyhook_functions.chat.stream import HEARTBEAT_S, Outbox, Tokens

if TYPE_CHECKING:
    from skyhook_functions.chat.tokenizer import ChatTokenizer
    from skyhook_functions.chat.vllm_engine import Engines

R = TypeVar("R")

MOST_STREAMS = 64
TOKENIZERS = 4
"""Tokenizers that are held."""


@function(
    requirements=("vllm>=0.32",),
    gpu=("H100", "A100-80GB"),
    memory_gib=64.0,
    timeout_s=1800.0,
    concurrency=MOST_STREAMS,
    keep_warm_s=900.0,
    pool="model",
)
class VllmModel:
    """Answers conversations as `ChatModel` does, with vLLM, and also with LoRA adapters of a model."""

    def load(self) -> None:
        """Imports what takes long; the engine starts when a model is first asked for."""
        os.environ["VLLM_NO_USAGE_STATS"] = "1"  # read at import: it would report the machine to its makers
        # A fork of this process, which has threads, could wait for ever for a lock that one of them held.
        os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"
        # The libraries that compile their kernels on the machine would need CUDA's compiler there.
        os.environ.setdefault("VLLM_USE_FLASHINFER_SAMPLER", "0")
        from skyhook_functions.chat.vllm_engine import tokenizer_of

        self._tokenizer = lru_cache(TOKENIZERS)(tokenizer_of)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, name="engine", daemon=True).start()
        self._engines = self._start(_engines()).result()
        atexit.register(self._close_engine)

    def generate(self, request: GenerateRequest) -> Iterator[Delta]:
        """The answer as it is made; empty parts come first while the engine starts.

        Raises CONTEXT_EXCEEDED, MODEL_NOT_FOUND, MODEL_INVALID, TEMPLATE_FAILED and ENGINE_STOPPED.
        """
        tokenizer = self._tokenizer(Path(request.model).resolve())
        prompt = tokenizer.prompt(request.messages, request.tools)
        outbox = Outbox()
        work = self._start(self._generate(request, tokenizer, prompt, outbox))
        answer = Answer(tokenizer.decode, tokenizer.hidden, request.sampling.stop, bool(request.tools))
        try:
            while outbox.next_tokens(HEARTBEAT_S) is None:
                yield Delta()
            yield Delta(prompt_tokens=len(prompt))
            yield from answer.read(outbox)
        finally:
            work.cancel()

    def count(self, request: CountRequest) -> Count:
        """How long the prompt is. Raises MODEL_NOT_FOUND, MODEL_INVALID and TEMPLATE_FAILED."""
        folder = Path(request.model).resolve()
        prompt = self._tokenizer(folder).prompt(request.messages, request.tools)
        return Count(len(prompt), self._start(self._context_tokens(folder)).result())

    def _close_engine(self) -> None:
        """Ends the engine's processes, after which the function can't be used."""
        atexit.unregister(self._close_engine)
        self._start(self._close()).result()
        self._loop.call_soon_threadsafe(self._loop.stop)

    def _start(self, work: Coroutine[Any, Any, R]) -> Future[R]:
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    async def _generate(
        self, request: GenerateRequest, tokenizer: ChatTokenizer, prompt: list[int], outbox: Outbox
    ) -> None:
        """Puts no tokens once the request is taken, then the answer's, or what ended it."""
        try:
            has_adapter = request.adapter is not None
            async with self._engines.use(tokenizer.folder, with_adapters=has_adapter) as engine:
                sampling = fit(request.sampling, len(prompt), engine.context_tokens)
                adapter = await engine.adapter(Path(request.adapter)) if request.adapter is not None else None
                outbox.put(Tokens([]))
                answer = engine.generate(prompt, sampling, tokenizer.eos, adapter, request.cache_salt)
                async with aclosing(answer):
                    async for tokens in answer:
                        outbox.put(tokens)
        except Exception as error:  # the reader raises it
            outbox.put(error)

    async def _context_tokens(self, folder: Path) -> int:
        async with self._engines.use(folder, with_adapters=False) as engine:
            return engine.context_tokens

    async def _close(self) -> None:
        self._engines.close()


async def _engines() -> Engines:
    """Made in the loop that they are of."""
    from skyhook_functions.chat.vllm_engine import Engines

    return Engines(MOST_STREAMS)
