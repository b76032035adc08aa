"""The chat function on vLLM beside the local one and vLLM's own server: first tokens, and tokens per second.

python benchmarks/chat_engines.py --vllm VENV/bin/python [--model FOLDER | --random 768x12]

VENV has vLLM and finds the project's packages (CONTRIBUTING). Each way runs in a process of its own with the
same weights, and is measured in turn, so that the ratios are of one machine at one time.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx

from skyhook_functions.chat.messages import GenerateRequest, Message, Sampling

STREAMS = 8
PROMPT_CHARACTERS = 850
"""Of a prompt whose first token is measured: as many tokens, where each is a digit."""
WAYS = {"torch": "local function", "vllm": "function on vLLM", "server": "vLLM's own server"}

Ask = Callable[[str, int], Iterator[int]]
"""From a prompt and a number of tokens to how many tokens the answer has so far, as its parts come."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--vllm", type=Path, help="the Python of an environment with vLLM")
    parser.add_argument("--model", type=Path, help="a checkpoint in Hugging Face's format")
    parser.add_argument("--random", metavar="HIDDENxLAYERS", default="768x12")
    parser.add_argument("--tokens", type=int, default=64, help="tokens of each answer")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        serve(arguments.way, arguments.model, arguments.tokens)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.model or random_checkpoint(Path(scratch), arguments.random)
        report(measure(folder, arguments.vllm, arguments.tokens, arguments.rounds))


def random_checkpoint(scratch: Path, shape: str) -> Path:
    """In sixteen bits, as large models are."""
    import scheduler
    from transformers import AutoModelForCausalLM

    folder = scheduler.random_checkpoint(scratch, shape)
    AutoModelForCausalLM.from_pretrained(folder).bfloat16().save_pretrained(folder)
    (folder / "chat_template.jinja").write_text("{% for one in messages %}{{ one.content }}{% endfor %}")
    return folder


def measure(folder: Path, vllm: Path, tokens: int, rounds: int) -> list[dict[str, dict[str, float]]]:
    """What each way came to in each round."""
    started = {}
    for way in WAYS:
        python = sys.executable if way == "torch" else str(vllm)
        command = [python, __file__, "--way", way, "--model", str(folder), "--tokens", str(tokens)]
        started[way] = subprocess.Popen(  # noqa: S603
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        ask_for(started[way])  # loads, compiles and warms up
    try:
        return [{way: ask_for(process) for way, process in started.items()} for _ in range(rounds)]
    finally:
        for process in started.values():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def ask_for(process: subprocess.Popen[str]) -> dict[str, float]:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    while not (line := process.stdout.readline()).startswith("{"):
        if not line:
            sys.exit(f"{process.args} ended")
    figures: dict[str, float] = json.loads(line)
    return figures


def report(rounds: list[dict[str, dict[str, float]]]) -> None:
    columns = "first token, cold, ms | read before, ms | ratio | tokens/s, 8 at once | by the local one's"
    print(f"| way | {columns} |")
    print("|---|---|---|---|---|---|")
    for way, name in WAYS.items():
        cold, warm, rate = (
            statistics.median(one[way][figure] for one in rounds) for figure in ("cold", "cached", "rate")
        )
        saved = statistics.median(one[way]["cold"] / one[way]["cached"] for one in rounds)
        faster = statistics.median(one[way]["rate"] / one["torch"]["rate"] for one in rounds)
        print(f"| {name} | {1e3 * cold:.0f} | {1e3 * warm:.0f} | {saved:.1f} | {rate:.0f} | {faster:.2f} |")
    overhead = statistics.median(one["vllm"]["rate"] / one["server"]["rate"] for one in rounds)
    print(f"\nThe function's tokens/s by those of vLLM's own server: {overhead:.2f}")


def serve(way: str, folder: Path, tokens: int) -> None:
    """Measures one way each time that a line comes."""
    # The libraries print what they like; what is read is written to the first output alone.
    with os.fdopen(os.dup(1), "w") as output:
        os.dup2(2, 1)
        ask = function(way, folder) if way != "server" else server(folder)
        numbers = itertools.count(int(time.time()) % 100_000 * 1000)
        for _ in sys.stdin:
            print(json.dumps(figures(ask, numbers, tokens)), file=output, flush=True)


def figures(ask: Ask, numbers: Iterator[int], tokens: int) -> dict[str, float]:
    cold, cached = [], []
    for _ in range(3):
        prompt = "-".join(str(next(numbers)) for _ in range(PROMPT_CHARACTERS))[:PROMPT_CHARACTERS]
        cold.append(first_token(ask, prompt))
        cached.append(first_token(ask, prompt + "-again"))
    started = time.perf_counter()
    with ThreadPoolExecutor(STREAMS) as pool:
        prompts = [f"{next(numbers)}-is-a-number" for _ in range(STREAMS)]
        made = sum(pool.map(lambda prompt: max(ask(prompt, tokens)), prompts))
    rate = made / (time.perf_counter() - started)
    return {"cold": statistics.median(cold), "cached": statistics.median(cached), "rate": rate}


def first_token(ask: Ask, prompt: str) -> float:
    """Seconds from the question to the first token."""
    started = time.perf_counter()
    answer = ask(prompt, 4)
    next(made for made in answer if made)
    seconds = time.perf_counter() - started
    list(answer)
    return seconds


def function(way: str, folder: Path) -> Ask:
    """The function itself, in this process."""
    from skyhook_functions.chat.local import ChatModel
    from skyhook_functions.chat.vllm_model import VllmModel

    model = ChatModel() if way == "torch" else VllmModel()
    model.load()

    def ask(prompt: str, tokens: int) -> Iterator[int]:
        sampling = Sampling(tokens, temperature=0.0)
        request = GenerateRequest(str(folder), [Message("user", prompt)], [], sampling)
        return (delta.completion_tokens or 0 for delta in model.generate(request))

    return ask


def server(folder: Path) -> Ask:
    """vLLM's OpenAI-compatible server, asked over HTTP."""
    port = 18_000 + os.getpid() % 1000
    base = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", "--model", str(folder)]
    command += ["--served-model-name", "model", "--host", "127.0.0.1", "--port", str(port)]
    subprocess.Popen(command)  # noqa: S603
    client = httpx.Client(base_url=base, timeout=600, limits=httpx.Limits(max_connections=STREAMS))
    while not _is_up(client):
        time.sleep(1)

    def ask(prompt: str, tokens: int) -> Iterator[int]:
        body: dict[str, Any] = {
            "model": "model",
            "messages": [{"role": "user", "content": prompt}],
            "max_tokens": tokens,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True, "continuous_usage_stats": True},
        }
        with client.stream("POST", "/v1/chat/completions", json=body) as answer:
            answer.raise_for_status()
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    usage = json.loads(line.removeprefix("data: ")).get("usage") or {}
                    yield usage.get("completion_tokens", 0)

    return ask


def _is_up(client: httpx.Client) -> bool:
    try:
        return client.get("/health").status_code == 200
    except httpx.TransportError:
        return False


if __name__ == "__main__":
    main()
