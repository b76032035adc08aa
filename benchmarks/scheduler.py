"""Tokens per second of the chat scheduler beside transformers' own ways to generate, as ratios of one run.

python benchmarks/scheduler.py --model FOLDER          a checkpoint in Hugging Face's format
python benchmarks/scheduler.py --random 240x6          a random Llama: hidden size x layers
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as in the function, and before torch for all

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AutoModelForCausalLM,
    ContinuousBatchingConfig,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
)

from skyhook_functions.chat.checkpoint import Checkpoint
from skyhook_functions.chat.local import CACHE_BYTES
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.scheduler import Scheduler, threads_for
from skyhook_functions.chat.stream import Stream

PROMPT = 48
"""Tokens of each prompt."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--model", type=Path)
    source.add_argument("--random", metavar="HIDDENxLAYERS")
    parser.add_argument("--tokens", type=int, default=128, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or random_checkpoint(Path(scratch), arguments.random)
        measure(folder, arguments.tokens, arguments.rounds)


def measure(folder: Path, tokens: int, rounds: int) -> None:
    """Prints the medians of `rounds` rounds; each round measures everything once."""
    checkpoint = Checkpoint(folder)
    checkpoint.eos = frozenset()  # every answer has its full length
    plain = AutoModelForCausalLM.from_pretrained(folder, local_files_only=True).eval()
    plain.generation_config.eos_token_id = None
    scheduler = Scheduler(checkpoint, cache_bytes=CACHE_BYTES, prefix_bytes=0, most_streams=16)
    size = sum(p.numel() for p in plain.parameters()) / 1e6
    torch.set_num_threads(threads_for(plain))
    print(f"{folder}: {size:.1f} M parameters, {torch.get_num_threads()} threads")
    ways: dict[str, Callable[[], float]] = {
        "generate, one by one": lambda: one_by_one(plain, tokens),
        **{
            f"scheduler, {n} streams": lambda n=n: batched(scheduler, n, tokens)  # type: ignore[misc]
            for n in (1, 4, 16)
        },
    }
    if reason := why_no_generate_batch(plain):
        print(f"generate_batch does not run here: {reason}")
    else:
        ways["generate_batch, 16 prompts"] = lambda: generate_batch(plain, tokens)
    for way in ways.values():
        way()
    seen: dict[str, list[float]] = {name: [] for name in ways}
    first_token: list[float] = []
    beside: list[float] = []
    gaps: list[float] = []
    for _ in range(rounds):
        for name, way in ways.items():
            seen[name].append(way())
        first_token.append(time_to_first_token(scheduler, PROMPT))
        with streams_running(scheduler, 15):
            beside.append(time_to_first_token(scheduler, PROMPT))
        gaps.append(longest_gap(scheduler))
    base = statistics.median(seen["generate, one by one"])
    for name, rates in seen.items():
        rate = statistics.median(rates)
        print(
            f"{name:28} {rate:8.0f} tokens/s   {rate / base:5.2f} x   ({min(rates):.0f} to {max(rates):.0f})"
        )
    for what, seconds in (
        (f"first token, warm, {PROMPT} tokens of prompt", first_token),
        ("the same beside 15 running streams", beside),
        ("longest wait of a running stream while 900 tokens of prompt are read", gaps),
    ):
        print(f"{what}: {1e3 * statistics.median(seconds):.1f} ms")
    scheduler.close()


def prompt(length: int = PROMPT) -> list[int]:
    return torch.randint(3, 250, (length,)).tolist()  # type: ignore[no-any-return]


def one_by_one(model: PreTrainedModel, tokens: int) -> float:
    """Tokens per second of `generate`, over 4 prompts."""
    started = time.perf_counter()
    for _ in range(4):
        model.generate(
            torch.tensor([prompt()]),
            attention_mask=torch.ones(1, PROMPT, dtype=torch.long),
            max_new_tokens=tokens,
            do_sample=False,
        )
    return 4 * tokens / (time.perf_counter() - started)


def batched(scheduler: Scheduler, streams: int, tokens: int) -> float:
    """Tokens per second of so many streams at a time, each read by a thread of its own."""

    def read() -> None:
        stream = scheduler.submit(prompt(), Sampling(tokens, temperature=0.0), "")
        while True:
            given = stream.outbox.next_tokens(60)
            if given is None or given.finish_reason:
                return

    threads = [threading.Thread(target=read) for _ in range(streams)]
    started = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return streams * tokens / (time.perf_counter() - started)


def time_to_first_token(scheduler: Scheduler, length: int) -> float:
    """Seconds from a request with so many tokens of prompt to its first token."""
    started = time.perf_counter()
    scheduler.submit(prompt(length), Sampling(1, temperature=0.0), "").outbox.next_tokens(60)
    return time.perf_counter() - started


@contextmanager
def streams_running(scheduler: Scheduler, count: int) -> Iterator[list[Stream]]:
    """So many streams that have their first token and go on."""
    streams = [scheduler.submit(prompt(), Sampling(900, temperature=0.0), "") for _ in range(count)]
    for stream in streams:
        stream.outbox.next_tokens(60)
    yield streams
    for stream in streams:
        scheduler.cancel(stream)


def longest_gap(scheduler: Scheduler) -> float:
    """The longest that a running stream waits for tokens while a long prompt is read, in seconds."""
    with streams_running(scheduler, 1) as (running,):
        newcomer = scheduler.submit(prompt(900), Sampling(1, temperature=0.0), "")
        longest, before = 0.0, time.perf_counter()
        while newcomer.outbox.next_tokens(0) is None:
            running.outbox.next_tokens(60)
            now = time.perf_counter()
            longest, before = max(longest, now - before), now
    return longest


def generate_batch(model: PreTrainedModel, tokens: int) -> float:
    """Tokens per second of transformers' continuous batching, over 16 prompts."""
    started = time.perf_counter()
    answers = model.generate_batch(
        [prompt() for _ in range(16)],
        generation_config=GenerationConfig(max_new_tokens=tokens, do_sample=False, eos_token_id=-1),
        # Without these sizes it takes nine tenths of the memory and spends its time on clearing it.
        continuous_batching_config=ContinuousBatchingConfig(num_blocks=32, max_batch_tokens=1024),
        progress_bar=False,
    )
    seconds = time.perf_counter() - started
    return sum(len(answer.generated_tokens) for answer in answers.values()) / seconds


def why_no_generate_batch(model: PreTrainedModel) -> str:
    """Why transformers' continuous batching does not run on this machine; empty where it does."""
    try:
        return "" if generate_batch(model, 4) else "it returned no tokens"
    except Exception as error:  # whatever it raises is the answer
        return f"{type(error).__name__}: {error}"


def random_checkpoint(folder: Path, shape: str) -> Path:
    """A random Llama with a context of 1,024 tokens and a vocabulary of 2,048."""
    hidden, layers = map(int, shape.split("x"))
    config = LlamaConfig(
        vocab_size=2048,
        hidden_size=hidden,
        intermediate_size=8 * hidden // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(1, hidden // 40 if hidden % 40 == 0 else hidden // 64),
        max_position_embeddings=1024,
        tie_word_embeddings=True,
    )
    torch.manual_seed(0)
    LlamaForCausalLM(config).save_pretrained(folder)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: index for index, letter in enumerate(alphabet)}, []))
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
