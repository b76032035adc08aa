"""The batched chat model, on tiny random checkpoints."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

from skyhook.function import FunctionError
from skyhook_functions.chat import local
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import (
    CountRequest,
    Delta,
    GenerateRequest,
    Message,
    Sampling,
    Tool,
    ToolCall,
)
from skyhook_functions.chat.whole import joined

Ask: TypeAlias = Callable[..., GenerateRequest]

PROMPTS = ["The sky", "hook is small. " * 3, "Grüße 🌍", "a", "b " * 30]


@cache
def plain(folder: Path) -> tuple[PreTrainedTokenizerBase, PreTrainedModel]:
    return AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder)


def generated(folder: Path, text: str, max_tokens: int = 40) -> str:
    """What transformers' own greedy `generate` answers."""
    tokenizer, model = plain(folder)
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    tokens = model.generate(**prompt, max_new_tokens=max_tokens, do_sample=False)[
        0, prompt["input_ids"].shape[1] :
    ]
    return str(tokenizer.decode([token for token in tokens.tolist() if token != tokenizer.eos_token_id]))


def close(stream: Iterator[Delta]) -> None:
    assert isinstance(stream, Generator)
    stream.close()


def at_once(chat: ChatModel, requests: list[GenerateRequest]) -> list[str]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return [completion.text for completion in pool.map(lambda one: joined(chat.generate(one)), requests)]


@pytest.mark.parametrize("name", ["llama", "qwen2", "mistral", "gpt2"])
def test_greedy_answers_equal_generate_alone_and_in_a_batch(
    chat: ChatModel, ask: Ask, checkpoints: dict[str, Path], name: str
) -> None:
    folder = checkpoints[name]
    expected = [generated(folder, text) for text in PROMPTS]
    requests = [ask(text, folder=folder) for text in PROMPTS]
    assert [joined(chat.generate(request)).text for request in requests] == expected
    assert at_once(chat, requests * 3) == expected * 3


def test_a_stream_that_joins_or_leaves_midway_changes_no_other(
    chat: ChatModel, ask: Ask, llama: Path
) -> None:
    stream = chat.generate(ask("The sky", max_tokens=150))
    text = "".join(next(stream).text for _ in range(2))
    leaving = chat.generate(ask("Streams join", max_tokens=200))
    next(leaving)
    next(leaving)
    assert joined(chat.generate(ask("a"))).text == generated(llama, "a")
    close(leaving)
    assert text + "".join(delta.text for delta in stream) == generated(llama, "The sky", 150)


def test_a_long_prompt_is_read_in_parts_and_does_not_change(
    chat: ChatModel, ask: Ask, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("skyhook_functions.chat.scheduler.LARGEST_CHUNK", 16)
    long = "Streams join and leave between two steps. " * 6
    widths: list[int] = []
    with chat._models.use(str(llama)) as model:
        forward = model.scheduler._forward

        def watched(first: int, tokens: Tensor, *rest: Any) -> Any:
            widths.append(tokens.numel() if first else 0)
            return forward(first, tokens, *rest)

        monkeypatch.setattr(model.scheduler, "_forward", watched)
    running = chat.generate(ask("The sky", max_tokens=100))
    assert [next(running).text for _ in range(2)]
    answers = at_once(chat, [ask(text, cache_salt="parts") for text in (long, "a", long[20:])])
    assert answers == [generated(llama, text) for text in (long, "a", long[20:])]
    list(running)
    assert max(widths) == 16
    # A running stream gets a token after each part.
    assert not any(one and other for one, other in pairwise(widths))


def test_the_first_delta_has_the_prompt_and_the_last_the_end(chat: ChatModel, ask: Ask) -> None:
    first, *_, last = chat.generate(ask(max_tokens=7))
    assert first == Delta(prompt_tokens=first.prompt_tokens)
    assert (last.finish_reason, last.completion_tokens, last.cached_tokens is not None) == ("length", 7, True)


def test_an_end_token_ends_the_answer_and_is_counted_but_not_shown(
    chat: ChatModel, ask: Ask, checkpoints: dict[str, Path]
) -> None:
    completion = joined(chat.generate(ask("a", folder=checkpoints["mistral"], max_tokens=100)))
    assert completion.finish_reason == "stop"
    assert completion.completion_tokens < 100
    assert "<|end|>" not in completion.text


def test_a_closed_answer_frees_its_row_at_once(chat: ChatModel, ask: Ask, llama: Path) -> None:
    stream = chat.generate(ask(max_tokens=200))
    next(stream)
    next(stream)
    scheduler = chat._models._held[llama.resolve()].scheduler
    assert scheduler.streams == 1
    close(stream)
    deadline = time.monotonic() + 2
    while scheduler.streams and time.monotonic() < deadline:
        time.sleep(0.001)
    assert scheduler.streams == 0


def test_a_stop_string_that_spans_tokens_ends_the_answer(chat: ChatModel, ask: Ask) -> None:
    whole = joined(chat.generate(ask()))
    cut = len(whole.text) // 2
    stop = whole.text[cut - 3 : cut + 3]
    completion = joined(chat.generate(ask(stop=[stop, "never"])))
    assert completion.text == whole.text[: whole.text.index(stop)]
    assert completion.finish_reason == "stop"
    assert 0 < completion.completion_tokens < whole.completion_tokens


def test_a_seed_gives_the_same_answer_whatever_else_runs(chat: ChatModel, ask: Ask) -> None:
    def request(seed: int, top_p: float) -> GenerateRequest:
        return ask("The sky", temperature=1.5, top_p=top_p, seed=seed)

    alone = [
        joined(chat.generate(request(seed, top_p))).text for seed, top_p in [(1, 1.0), (2, 0.7), (-3, 0.9)]
    ]
    others = [ask("b", temperature=1.0), ask("a"), ask("c", temperature=0.5, top_p=0.5)]
    together = at_once(chat, [request(1, 1.0), request(2, 0.7), request(-3, 0.9), *others])
    assert together[:3] == alone
    assert len(set(alone)) == 3


def test_without_a_seed_answers_differ(chat: ChatModel, ask: Ask) -> None:
    assert len(set(at_once(chat, [ask(temperature=1.5)] * 4))) > 1


def test_a_context_that_is_too_short_is_refused_with_the_numbers(
    chat: ChatModel, ask: Ask, checkpoints: dict[str, Path]
) -> None:
    request = ask(folder=checkpoints["gpt2"])
    count = chat.count(CountRequest(request.model, request.messages, request.tools))
    assert count.context_tokens == 256
    fits = count.context_tokens - count.prompt_tokens
    assert joined(chat.generate(ask(folder=checkpoints["gpt2"], max_tokens=fits))).completion_tokens == fits
    with pytest.raises(FunctionError, match=rf"{count.prompt_tokens} .*{fits + 1}.* 257: .* 256") as caught:
        joined(chat.generate(ask(folder=checkpoints["gpt2"], max_tokens=fits + 1)))
    assert caught.value.code == "CONTEXT_EXCEEDED"


def test_a_prompt_that_begins_like_an_earlier_one_is_read_from_the_cache(
    chat: ChatModel, ask: Ask, llama: Path
) -> None:
    long = "Streams join and leave between two steps. " * 4
    first = joined(chat.generate(ask(long + "one", cache_salt="tenant")))
    again = joined(chat.generate(ask(long + "two", cache_salt="tenant")))
    stranger = joined(chat.generate(ask(long + "two", cache_salt="stranger")))
    assert first.cached_tokens == stranger.cached_tokens == 0
    assert again.prompt_tokens > again.cached_tokens > again.prompt_tokens - 16
    assert again.text == stranger.text == generated(llama, long + "two")


def test_tools_and_their_calls_reach_the_template(chat: ChatModel, llama: Path) -> None:
    tool = Tool(
        "weather", "Tells the weather", {"type": "object", "properties": {"city": {"type": "string"}}}
    )
    messages = [
        Message("user", "Weather?"),
        Message("assistant", tool_calls=[ToolCall("1", "weather", '{"city": "Paris"}')]),
        Message("tool", "sunny", tool_call_id="1", name="weather"),
    ]
    with chat._models.use(str(llama)) as model:
        text = model.checkpoint.decode(model.checkpoint.prompt(messages, [tool]))
    shown, called = (
        text.index('"description": "Tells the weather"'),
        text.index('"arguments": {"city": "Paris"}'),
    )
    assert (
        shown
        < called
        < text.index("<|start|>tool\nsunny<|end|>")
        < text.index("<|start|>assistant\n", called)
    )


def test_a_tool_call_in_the_output_becomes_a_tool_call(
    chat: ChatModel, ask: Ask, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with chat._models.use(str(llama)) as model:
        tokenizer = model.checkpoint.tokenizer
        script = tokenizer.encode(
            'Look: <tool_call>{"name": "weather", "arguments": {"city": "Paris"}}</tool_call>'
        )
        monkeypatch.setattr(model.scheduler, "_append", scripted(model.scheduler._append, [*script, 1]))
    tool = Tool("weather", "Tells the weather", {})
    completion = joined(chat.generate(ask(tools=[tool], max_tokens=100)))
    assert (completion.text, completion.finish_reason) == ("Look: ", "tool_calls")
    (call,) = completion.tool_calls
    assert (call.name, json.loads(call.arguments)) == ("weather", {"city": "Paris"})
    assert "<tool_call>" in joined(chat.generate(ask(max_tokens=100))).text


def scripted(append: Callable[..., bool], script: list[int]) -> Callable[..., bool]:
    """Puts the tokens of a script in the place of those that the model chose."""
    return lambda stream, token: append(stream, script[stream.made])


@pytest.mark.parametrize("damage", ["cut", "missing", "config", "weights", "tokenizer", "nan"])
def test_a_broken_checkpoint_is_named(
    chat: ChatModel, ask: Ask, llama: Path, tmp_path: Path, damage: str
) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(llama, folder)
    weights = folder / "model.safetensors"
    tensors = load_file(weights)
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "missing":
        tensors.pop("model.layers.0.mlp.up_proj.weight")
        save_file(tensors, weights, {"format": "pt"})
    elif damage == "config":
        (folder / "config.json").write_text("{}")
    elif damage == "weights":
        weights.unlink()
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{")
    else:
        tensors["model.norm.weight"] *= torch.nan
        save_file(tensors, weights, {"format": "pt"})
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(ask(folder=folder)))
    assert caught.value.code == "MODEL_INVALID"


def test_a_folder_without_a_model_is_not_found(chat: ChatModel, ask: Ask, tmp_path: Path) -> None:
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(ask(folder=tmp_path / "nothing")))
    assert caught.value.code == "MODEL_NOT_FOUND"


@pytest.mark.parametrize("template", [None, "{{ raise_exception('no system') }}", "{% if %}"])
def test_a_template_that_fails_is_named(
    chat: ChatModel, ask: Ask, llama: Path, tmp_path: Path, template: str | None
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(llama, folder)
    (folder / "chat_template.jinja").unlink()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    with pytest.raises(FunctionError) as caught:
        joined(chat.generate(ask(folder=folder)))
    assert caught.value.code == "TEMPLATE_FAILED"


def test_a_failing_step_fails_its_streams_and_the_model_goes_on(
    chat: ChatModel, ask: Ask, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with chat._models.use(str(llama)) as model, monkeypatch.context() as patch:
        patch.setattr(model.scheduler, "_forward", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            joined(chat.generate(ask()))
    assert joined(chat.generate(ask())).text == generated(llama, "The sky")


def test_more_streams_than_the_cache_holds_wait_for_their_turn(
    ask: Ask, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    chat = ChatModel()
    chat.load()
    token_bytes = 2 * 2 * 32 * 4
    monkeypatch.setattr(local, "CACHE_BYTES", 200 * token_bytes)
    expected = [generated(llama, "a", 40 + n) for n in range(3)]
    assert at_once(chat, [ask("a", max_tokens=40 + n % 3) for n in range(12)]) == expected * 4
    chat._models.close()


def test_the_least_recently_used_model_makes_room(
    ask: Ask, checkpoints: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "MOST_MODELS", 2)
    chat = ChatModel()
    chat.load()
    running = chat.generate(ask(folder=checkpoints["gpt2"], max_tokens=200))
    next(running)
    for name in ("qwen2", "llama", "mistral"):
        joined(chat.generate(ask(folder=checkpoints[name])))
        assert set(chat._models._held) == {checkpoints["gpt2"].resolve(), checkpoints[name].resolve()}
    *_, last = running
    assert last.completion_tokens == 200
    chat._models.close()


def test_memory_does_not_grow_over_many_requests(chat: ChatModel, ask: Ask) -> None:
    def serve(rounds: int) -> None:
        for n in range(rounds):
            at_once(chat, [ask(f"{n} {m}", max_tokens=8, temperature=1.0) for m in range(8)])

    serve(20)
    threads, before = threading.active_count(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    serve(60)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert threading.active_count() == threads
    assert grown < 32 * 1024  # KiB; what 480 prompts leave in the prompt cache, and no more


def test_the_functions_import_nothing_heavy() -> None:
    program = (
        "import sys, skyhook_functions.chat.local, skyhook_functions.chat.upstream\n"
        "sys.exit(', '.join({'torch', 'transformers', 'openai', 'numpy'} & set(sys.modules)) or None)"
    )
    seen = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (seen.returncode, seen.stderr) == (0, "")


def test_impossible_sampling_is_refused_by_its_type() -> None:
    for wrong in ('{"max_tokens":0}', '{"max_tokens":1,"temperature":-1}', '{"max_tokens":1,"top_p":0}'):
        with pytest.raises(msgspec.ValidationError):
            msgspec.json.decode(wrong, type=Sampling)
