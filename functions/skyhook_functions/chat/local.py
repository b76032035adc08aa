"""The chat model that runs in its worker: any causal language model in Hugging Face's format, batched."""

from __future__ import annotations

import atexit
import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from skyhook.function import function
from skyhook_functions.chat.answer import Answer
from skyhook_functions.chat.messages import Count, CountRequest, Delta, GenerateRequest

if TYPE_CHECKING:
    from skyhook_functions.chat.checkpoint import Checkpoint
    from skyhook_functions.chat.scheduler import Scheduler

GIB = 2**30
MOST_MODELS = 4
WEIGHTS_BYTES = 4 * GIB
"""Bounds all loaded models' weights together; a larger model is loaded only while it is alone."""
CACHE_BYTES = GIB // 2
"""Bounds the states of one model's running streams."""
PREFIX_BYTES = GIB // 8
"""Bounds one model's prompt cache."""
MOST_STREAMS = 64


class LoadedModel:
    """A checkpoint and the scheduler that serves it."""

    def __init__(self, folder: Path) -> None:
        from skyhook_functions.chat.checkpoint import Checkpoint
        from skyhook_functions.chat.scheduler import Scheduler
        from skyhook_functions.chat.tokenizer import weights_bytes

        self.weights_bytes = weights_bytes(folder)
        self.checkpoint: Checkpoint = Checkpoint(folder)
        self.scheduler: Scheduler = Scheduler(
            self.checkpoint, cache_bytes=CACHE_BYTES, prefix_bytes=PREFIX_BYTES, most_streams=MOST_STREAMS
        )
        self.users = 0


class Models:
    """The loaded models. The least recently used go when there is no room for another; none in use goes."""

    def __init__(self) -> None:
        self._held: OrderedDict[Path, LoadedModel] = OrderedDict()
        self._changed = threading.Condition()
        self._loading = threading.Lock()
        # A thread that is inside torch while the interpreter ends would abort the process.
        atexit.register(self.close)

    @contextmanager
    def use(self, model: str) -> Iterator[LoadedModel]:
        """The model in a folder, loaded if it is not yet, and kept while in use."""
        folder = Path(model).resolve()
        loaded = self._take(folder)
        while loaded is None:
            # One load at a time; those who wait for the same model find it in the next round.
            with self._loading:
                if (loaded := self._take(folder)) is None:
                    self._make_room(folder)
                    fresh = LoadedModel(folder)
                    with self._changed:
                        self._held[folder] = fresh
        try:
            yield loaded
        finally:
            with self._changed:
                loaded.users -= 1
                self._changed.notify_all()

    def close(self) -> None:
        """Ends the threads of all models, and their streams with them."""
        with self._changed:
            while self._held:
                self._held.popitem()[1].scheduler.close()

    def _take(self, folder: Path) -> LoadedModel | None:
        with self._changed:
            loaded = self._held.get(folder)
            if loaded is not None:
                self._held.move_to_end(folder)
                loaded.users += 1
            return loaded

    def _make_room(self, folder: Path) -> None:
        """Waits until another model fits, while streams of the others end."""
        from skyhook_functions.chat.tokenizer import weights_bytes

        needed = weights_bytes(folder)
        with self._changed:
            while self._held and not self._has_room(needed):
                idle = next((path for path, loaded in self._held.items() if not loaded.users), None)
                if idle is None:
                    self._changed.wait()
                else:
                    self._held.pop(idle).scheduler.close()

    def _has_room(self, needed: int) -> bool:
        used = sum(loaded.weights_bytes for loaded in self._held.values())
        return len(self._held) < MOST_MODELS and used + needed <= WEIGHTS_BYTES


@function(
    requirements=("torch", "transformers>=5.24", "safetensors", "jinja2"),
    memory_gib=8.0,
    concurrency=MOST_STREAMS,
    keep_warm_s=900.0,
)
class ChatModel:
    """Answers conversations with any causal language model in Hugging Face's format, on the CPU."""

    def load(self) -> None:
        """Imports what takes long; a model is loaded when it is first asked for."""
        # Threads that spin while they wait make a pass ten times as slow when other processes need the cores.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is imported
        from transformers.utils import logging

        from skyhook_functions.chat import scheduler  # noqa: F401

        logging.disable_progress_bar()
        self._models = Models()

    def generate(self, request: GenerateRequest) -> Iterator[Delta]:
        """The answer as it is made.

        Raises CONTEXT_EXCEEDED, MODEL_NOT_FOUND, MODEL_INVALID and TEMPLATE_FAILED.
        """
        with self._models.use(request.model) as model:
            checkpoint = model.checkpoint
            prompt = checkpoint.prompt(request.messages, request.tools)
            stream = model.scheduler.submit(prompt, request.sampling, request.cache_salt)
            answer = Answer(checkpoint.decode, checkpoint.hidden, request.sampling.stop, bool(request.tools))
            try:
                yield Delta(prompt_tokens=len(prompt))
                yield from answer.read(stream.outbox)
            finally:
                model.scheduler.cancel(stream)

    def count(self, request: CountRequest) -> Count:
        """How long the prompt is. Raises MODEL_NOT_FOUND, MODEL_INVALID and TEMPLATE_FAILED."""
        with self._models.use(request.model) as model:
            prompt = model.checkpoint.prompt(request.messages, request.tools)
            return Count(len(prompt), model.scheduler.context_tokens)
