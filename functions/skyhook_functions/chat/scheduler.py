"""Continuous batching on the CPU: all streams of a model share its forward passes.

A thread of its own runs the model. Between two steps streams join and leave; a step is at most one pass
over a part of the waiting prompts, short enough not to stall the running streams, and one pass that gives
each running stream its next token.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from queue import SimpleQueue

import torch
from torch import Tensor
from transformers import PreTrainedModel

from skyhook_functions.chat.checkpoint import Checkpoint
from skyhook_functions.chat.context import fit
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.prefix import PrefixCache
from skyhook_functions.chat.sampling import Sampler, new_seed
from skyhook_functions.chat.stream import Stream, Tokens

FLUSH_S = 0.015
"""Tokens are handed over together every so many seconds: each hand-over wakes a thread."""
STALL_S = 0.04
"""The longest that a part of a prompt may take while streams are running, in seconds."""
PROMPT_S = 0.2
"""The same while none is running: so long can a new stream wait."""
SMALLEST_CHUNK = 16
LARGEST_CHUNK = 2048
SMALL_MODEL = 20_000_000
"""Parameters below which a second thread costs more than it brings."""
THREADS = int(torch.get_num_threads())
"""What torch chose for this machine; read once, since a new thread starts with what another one set last."""


class Scheduler:
    """Serves the streams of one checkpoint."""

    def __init__(
        self, checkpoint: Checkpoint, *, cache_bytes: int, prefix_bytes: int, most_streams: int
    ) -> None:
        """`cache_bytes` bounds the running streams' states, `prefix_bytes` the prompt cache's."""
        self._checkpoint = checkpoint
        self._cache = checkpoint.cache
        self._most_cells = cache_bytes // self._cache.token_bytes
        self._most_streams = most_streams
        self.context_tokens = min(checkpoint.positions or self._most_cells, self._most_cells)
        """The longest that prompt and answer may be together."""
        self._prefixes = PrefixCache(prefix_bytes // self._cache.token_bytes)
        self._inbox: SimpleQueue[Stream | None] = SimpleQueue()
        self._waiting: deque[Stream] = deque()
        self._streams: list[Stream] = []
        """By row of the cache: first the running ones, then those whose prompt is being read."""
        self._running = 0
        self._step: _Step | None = None
        self._closed = False
        self._prompt_rate = 1000.0
        self._flushed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="scheduler", daemon=True)
        self._thread.start()

    def submit(self, prompt: list[int], sampling: Sampling, salt: str) -> Stream:
        """Starts a stream. Raises CONTEXT_EXCEEDED."""
        sampling = fit(sampling, len(prompt), self.context_tokens)
        count = len(prompt)
        stream = Stream(list(prompt), count, sampling, new_seed(sampling.seed), salt, flushed=count)
        self._inbox.put(stream)
        return stream

    def cancel(self, stream: Stream) -> None:
        """Takes a stream out before the next step. Nothing happens to one that has ended."""
        stream.cancelled = True
        self._inbox.put(stream)

    @property
    def streams(self) -> int:
        """How many streams have a row in the batch."""
        return len(self._streams)

    def close(self) -> None:
        """Ends the thread, after which the scheduler can't be used."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        torch.set_num_threads(threads_for(self._checkpoint.model))  # of this thread's passes only
        with torch.inference_mode():
            while not self._closed:
                try:
                    self._receive()
                    self._advance()
                except Exception as error:  # the streams get it; the model stays usable
                    self._fail(error)
        self._fail(RuntimeError("the scheduler was closed"))

    def _advance(self) -> None:
        self._admit()
        if self._running < len(self._streams):
            self._read_prompts()
        if self._running:
            self._decode()
        self._flush()

    def _receive(self) -> None:
        idle = not (self._streams or self._waiting)
        if idle:
            self._cache.release()
        while idle or not self._inbox.empty():
            idle = False
            stream = self._inbox.get()
            if stream is None:
                self._closed = True
            elif not stream.cancelled:
                self._waiting.append(stream)
            elif stream in self._streams:
                self._remove(self._streams.index(stream))
            elif stream in self._waiting:
                self._waiting.remove(stream)

    def _admit(self) -> None:
        while self._waiting and len(self._streams) < self._most_streams:
            stream = self._waiting[0]
            rows = len(self._streams) + 1
            columns = max(s.most_tokens for s in [*self._streams, stream])
            if rows * columns > self._most_cells:
                return
            self._waiting.popleft()
            length, states = self._prefixes.longest(stream.tokens, stream.salt)
            self._streams.append(stream)
            self._reserve(stream.prompt_tokens)
            self._cache.write(rows - 1, states, length)
            stream.length = stream.cached = length

    def _reserve(self, columns: int) -> None:
        """Makes room in the cache for every stream, and in each row for at least so many columns."""
        rows = len(self._streams)
        if rows > self._cache.rows or columns > self._cache.columns:
            columns = max(columns, *(stream.length for stream in self._streams))
            self._cache.reserve(rows, columns, max(stream.most_tokens for stream in self._streams))

    def _read_prompts(self) -> None:
        """Reads a part of the waiting prompts; those that end join the running streams with a first token."""
        budget = self._prompt_rate * (STALL_S if self._running else PROMPT_S)
        budget = min(max(int(budget), SMALLEST_CHUNK), LARGEST_CHUNK)
        chunks: list[int] = []
        for stream in self._streams[self._running :]:
            chunk = min(stream.left, budget)
            if chunks and (len(chunks) + 1) * max(*chunks, chunk) > budget:
                break
            chunks.append(chunk)
        first, width = self._running, max(chunks)
        streams = self._streams[first : first + len(chunks)]
        tokens = torch.zeros(len(chunks), width, dtype=torch.long)
        for row, (stream, chunk) in enumerate(zip(streams, chunks, strict=True)):
            tokens[row, :chunk] = torch.tensor(stream.tokens[stream.length : stream.length + chunk])
        starts = torch.tensor([stream.length for stream in streams])
        started = time.perf_counter()
        ends = [c for s, c in zip(streams, chunks, strict=True) if s.left == c]
        logits = self._forward(first, tokens, starts, sorted({end - 1 for end in ends}) or [0])
        rate = len(chunks) * width / (time.perf_counter() - started)
        self._prompt_rate += 0.3 * (rate - self._prompt_rate)
        for stream, chunk in zip(streams, chunks, strict=True):
            stream.length += chunk
        self._start(streams, chunks, logits)

    def _start(self, streams: list[Stream], chunks: list[int], logits: dict[int, Tensor]) -> None:
        ready = [row for row, stream in enumerate(streams) if not stream.left]
        if not ready:
            return
        last = torch.stack([logits[chunks[row] - 1][row] for row in ready])
        sampler = _sampler([streams[row] for row in ready])
        for row, token in zip(ready, sampler.sample(last).tolist(), strict=True):
            stream = streams[row]
            self._exchange(self._streams.index(stream), self._running)
            self._running += 1
            self._append(stream, token)
        self._step = None
        self._flush(at_once=True)
        self._drop_finished()

    def _decode(self) -> None:
        streams = self._streams[: self._running]
        step = self._step = self._step or _Step(streams)
        logits = self._forward(0, step.tokens, step.starts, [0])[0]
        step.advance(logits)
        finished = False
        for stream, token in zip(streams, step.tokens.flatten().tolist(), strict=True):
            stream.length += 1
            finished = self._append(stream, token) or finished
        if finished:
            self._flush(at_once=True)
            self._drop_finished()

    def _forward(self, first: int, tokens: Tensor, starts: Tensor, kept: list[int]) -> dict[int, Tensor]:
        """One pass over `tokens` ([rows, width]) of the cache's rows from `first` on.

        The result maps each of the `kept` columns to its logits, [rows, vocabulary].
        """
        width = tokens.shape[1]
        columns = int(starts.max()) + width
        self._reserve(columns)
        self._cache.open_window(first, starts, width, columns)
        positions = starts[:, None] + torch.arange(width) if width > 1 else starts[:, None]
        if self._checkpoint.positions:
            # Padding of a short row can lie behind the last position that the model has.
            positions = positions.clamp(max=self._checkpoint.positions - 1)
        wanted = {
            "position_ids": positions,
            "logits_to_keep": torch.tensor(kept),
        }
        given = {name: value for name, value in wanted.items() if name in self._checkpoint.parameters}
        logits = self._checkpoint.model(input_ids=tokens, cache=self._cache, use_cache=True, **given).logits
        if "logits_to_keep" not in given:
            logits = logits[:, kept]
        return {column: logits[:, index] for index, column in enumerate(kept)}

    def _append(self, stream: Stream, token: int) -> bool:
        """Adds a token; whether it is the last."""
        stream.tokens.append(token)
        if token in self._checkpoint.eos:
            stream.finish_reason = "stop"
        elif stream.made == stream.sampling.max_tokens:
            stream.finish_reason = "length"
        return stream.finish_reason is not None

    def _flush(self, *, at_once: bool = False) -> None:
        """Hands new tokens over, unless the last time is too short ago."""
        now = time.perf_counter()
        if not at_once and now - self._flushed_at < FLUSH_S:
            return
        self._flushed_at = now
        for stream in self._streams[: self._running]:
            if ids := stream.tokens[stream.flushed :]:
                stream.flushed += len(ids)
                stream.outbox.put(Tokens(ids, stream.finish_reason, stream.cached))

    def _drop_finished(self) -> None:
        for row in range(self._running - 1, -1, -1):
            stream = self._streams[row]
            if stream.finish_reason is not None:
                self._remove(row)

    def _remove(self, row: int) -> None:
        """Takes a stream out; its states go to the prompt cache and the rows close up."""
        stream = self._streams[row]
        if self._prefixes.wants(stream.length):
            states = self._cache.read(row, stream.length)
            self._prefixes.put(stream.tokens[: stream.length], stream.salt, states)
        if row < self._running:
            self._running -= 1
            self._overwrite(row, self._running)
            row = self._running
        self._overwrite(row, len(self._streams) - 1)
        self._streams.pop()
        self._step = None

    def _overwrite(self, row: int, source: int) -> None:
        if row != source:
            self._streams[row] = self._streams[source]
            self._cache.move(source, row, self._streams[source].length)

    def _exchange(self, one: int, other: int) -> None:
        if one != other:
            streams = self._streams
            self._cache.swap(one, streams[one].length, other, streams[other].length)
            streams[one], streams[other] = streams[other], streams[one]

    def _fail(self, error: Exception) -> None:
        for stream in [*self._streams, *self._waiting]:
            stream.outbox.put(error)
        self._streams.clear()
        self._waiting.clear()
        self._running = 0
        self._step = None
        self._cache.release(everything=True)


class _Step:
    """The tensors that go from one decoding step to the next while the batch stays the same."""

    def __init__(self, streams: list[Stream]) -> None:
        self.tokens = torch.tensor([[stream.tokens[-1]] for stream in streams])
        """The newest token of each row, [rows, 1]: it has no states yet."""
        self.starts = torch.tensor([stream.length for stream in streams])
        """Its position, [rows]."""
        self._sampler = _sampler(streams)

    def advance(self, logits: Tensor) -> None:
        """Chooses the next tokens from [rows, vocabulary]."""
        self.tokens = self._sampler.sample(logits)[:, None]
        self.starts = self.starts + 1


def threads_for(model: PreTrainedModel) -> int:
    """How many threads a forward pass of the model should use."""
    small = sum(p.numel() for p in model.parameters()) < SMALL_MODEL
    return 1 if small else THREADS


def _sampler(streams: list[Stream]) -> Sampler:
    return Sampler(
        [stream.sampling for stream in streams],
        [stream.seed for stream in streams],
        [stream.made for stream in streams],
    )
