"""What every engine of the chat functions keeps of their contract, with the bundled model.

vLLM's cases run where it can be imported; CONTRIBUTING says how.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path
from typing import TypeAlias

import pytest
from safetensors.torch import load_file, save_file
from tests.functions.chat.test_local import close
from transformers import AutoModelForCausalLM, AutoTokenizer

import skyhook_functions
from skyhook.compute.environment import satisfied
from skyhook.function import FunctionError, spec_of
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import CountRequest, Delta, GenerateRequest, Message, Sampling, Tool
from skyhook_functions.chat.vllm_model import VllmModel
from skyhook_functions.chat.whole import joined

SMALL = Path(skyhook_functions.__file__).parent / "weights" / "skyhook-small"
PROMPTS = ["What is Skyhook?", "How do I pull a model?", "Hello!", "What is a hold?", "How can I use Ollama?"]
LONG = "Skyhook runs functions on Modal. " * 40
WEATHER = Tool(
    "get_weather",
    "Tells the weather of a city",
    {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
)

ChatEngine: TypeAlias = ChatModel | VllmModel


@pytest.fixture(scope="module", params=[ChatModel, VllmModel])
def engine(request: pytest.FixtureRequest) -> Iterator[ChatEngine]:
    if request.param is VllmModel and importlib.util.find_spec("vllm") is None:
        pytest.skip("vLLM is not installed")
    if request.param is ChatModel and not satisfied(spec_of(ChatModel).requirements):
        pytest.skip("vLLM's environment has another version of transformers")
    os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")  # GiB, of which it takes half of the machine's else
    model: ChatEngine = request.param()
    model.load()
    yield model
    if isinstance(model, VllmModel):
        model._close_engine()


def ask(
    text: str = PROMPTS[0],
    *,
    model: Path = SMALL,
    tools: tuple[Tool, ...] = (),
    salt: str = "",
    max_tokens: int = 60,
    temperature: float = 0.0,
    top_p: float = 1.0,
    stop: tuple[str, ...] = (),
    seed: int | None = None,
    fits_context: bool = False,
) -> GenerateRequest:
    sampling = Sampling(max_tokens, temperature, top_p, list(stop), seed, fits_context)
    return GenerateRequest(str(model), [Message("user", text)], list(tools), sampling, salt)


def at_once(engine: ChatEngine, requests: list[GenerateRequest]) -> list[str]:
    with ThreadPoolExecutor(len(requests)) as pool:
        return [answer.text for answer in pool.map(lambda one: joined(engine.generate(one)), requests)]


@cache
def generated(text: str, max_tokens: int = 60) -> str:
    """What transformers' own greedy `generate` answers."""
    tokenizer = AutoTokenizer.from_pretrained(SMALL)
    model = AutoModelForCausalLM.from_pretrained(SMALL, dtype="auto")
    prompt = tokenizer.apply_chat_template(
        [{"role": "user", "content": text}],
        add_generation_prompt=True,
        return_tensors="pt",
        return_dict=True,
    )
    whole = model.generate(**prompt, max_new_tokens=max_tokens, do_sample=False)[0].tolist()
    made = whole[prompt["input_ids"].shape[1] :]
    return str(tokenizer.decode([token for token in made if token != tokenizer.eos_token_id]))


def test_greedy_answers_equal_generate_alone_and_in_a_batch(engine: ChatEngine) -> None:
    expected = [generated(text) for text in PROMPTS]
    requests = [ask(text) for text in PROMPTS]
    assert [joined(engine.generate(request)).text for request in requests] == expected
    assert at_once(engine, requests * 3) == expected * 3


def test_an_answer_begins_with_the_prompt_and_ends_with_its_end(engine: ChatEngine) -> None:
    filled = [delta for delta in engine.generate(ask(max_tokens=7)) if delta != Delta()]
    count = engine.count(CountRequest(str(SMALL), [Message("user", PROMPTS[0])], []))
    assert filled[0] == Delta(prompt_tokens=count.prompt_tokens)
    assert (filled[-1].finish_reason, filled[-1].completion_tokens) == ("length", 7)
    assert filled[-1].cached_tokens is not None
    assert all(delta.text for delta in filled[1:-1])


def test_an_end_token_ends_the_answer_and_is_counted_but_not_shown(engine: ChatEngine) -> None:
    answer = joined(engine.generate(ask("Hello!")))
    assert answer.finish_reason == "stop"
    tokenizer = AutoTokenizer.from_pretrained(SMALL)
    assert answer.completion_tokens == len(tokenizer.encode(answer.text)) + 1
    assert tokenizer.eos_token not in answer.text


def test_a_stop_string_that_spans_tokens_ends_the_answer(engine: ChatEngine) -> None:
    whole = joined(engine.generate(ask()))
    cut = len(whole.text) // 2
    stop = whole.text[cut - 3 : cut + 3]
    answer = joined(engine.generate(ask(stop=(stop, "never"))))
    assert answer.text == whole.text[: whole.text.index(stop)]
    assert answer.finish_reason == "stop"
    assert 0 < answer.completion_tokens < whole.completion_tokens


def test_a_context_that_is_too_short_is_refused_with_the_numbers_or_cut(engine: ChatEngine) -> None:
    count = engine.count(CountRequest(str(SMALL), [Message("user", LONG)], []))
    fits = count.context_tokens - count.prompt_tokens
    with pytest.raises(FunctionError, match=rf"{count.prompt_tokens} .*{fits + 1}.*: .* 1024") as caught:
        joined(engine.generate(ask(LONG, max_tokens=fits + 1)))
    assert caught.value.code == "CONTEXT_EXCEEDED"
    cut = joined(engine.generate(ask(LONG, max_tokens=5000, fits_context=True)))
    assert 0 < cut.completion_tokens <= fits


def test_a_prompt_that_begins_like_an_earlier_one_is_read_from_the_cache_of_its_salt(
    engine: ChatEngine,
) -> None:
    first = joined(engine.generate(ask(LONG + "one", salt="tenant")))
    again = joined(engine.generate(ask(LONG + "two", salt="tenant")))
    stranger = joined(engine.generate(ask(LONG + "two", salt="stranger")))
    assert first.cached_tokens == stranger.cached_tokens == 0
    assert again.prompt_tokens > again.cached_tokens >= again.prompt_tokens // 2
    assert again.text == stranger.text


def test_a_tool_call_is_given_apart_from_the_text(engine: ChatEngine) -> None:
    answer = joined(engine.generate(ask("What is the weather in Paris?", tools=(WEATHER,))))
    assert answer.finish_reason == "tool_calls"
    assert [call.name for call in answer.tool_calls] == ["get_weather"]
    assert "<tool_call>" not in answer.text


def test_a_closed_answer_makes_no_more_tokens(engine: ChatEngine) -> None:
    stream = engine.generate(ask(temperature=2.0, max_tokens=900))
    while not next(stream).text:
        pass
    assert running(engine) == 1
    close(stream)
    deadline = time.monotonic() + 2
    while running(engine) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert running(engine) == 0


def running(engine: ChatEngine) -> int:
    """Requests that the engine works on."""
    if isinstance(engine, VllmModel):
        assert engine._engines._engine is not None
        return engine._engines._engine._llm.get_num_unfinished_requests()  # type: ignore[no-any-return]
    return engine._models._held[SMALL.resolve()].scheduler.streams


def test_what_is_missing_is_named(engine: ChatEngine, tmp_path: Path) -> None:
    with pytest.raises(FunctionError) as caught:
        joined(engine.generate(ask(model=tmp_path / "nothing")))
    assert caught.value.code == "MODEL_NOT_FOUND"
    mute = tmp_path / "mute"
    shutil.copytree(SMALL, mute)
    (mute / "chat_template.jinja").unlink()
    with pytest.raises(FunctionError) as caught:
        joined(engine.generate(ask(model=mute)))
    assert caught.value.code == "TEMPLATE_FAILED"
    broken = tmp_path / "broken"
    shutil.copytree(SMALL, broken)
    (broken / "tokenizer.json").write_text("{")
    with pytest.raises(FunctionError) as caught:
        joined(engine.generate(ask(model=broken)))
    assert caught.value.code == "MODEL_INVALID"


def test_more_requests_than_streams_are_all_answered(engine: ChatEngine) -> None:
    requests = [ask(f"Tell me about {number}.", max_tokens=8) for number in range(150)]
    assert all(at_once(engine, requests))


def test_a_seed_gives_the_same_answer_again_and_no_seed_another(engine: ChatEngine, tmp_path: Path) -> None:
    unsure = tmp_path / "unsure"
    shutil.copytree(SMALL, unsure)
    weights = load_file(unsure / "model.safetensors")
    # All logits are a fifth: the bundled model is too certain for draws to differ.
    weights["model.norm.weight"] /= 5
    save_file(weights, unsure / "model.safetensors", {"format": "pt"})
    drawn = {"model": unsure, "temperature": 1.0, "max_tokens": 20}
    seeded = [ask(seed=seed, top_p=top_p, **drawn) for seed, top_p in [(1, 1.0), (2, 0.9), (-3, 1.0)]]
    alone = [joined(engine.generate(request)).text for request in seeded]
    assert [joined(engine.generate(request)).text for request in seeded] == alone
    assert len(set(alone)) == 3
    assert len(set(at_once(engine, [ask(**drawn)] * 4))) == 4
