"""The chat model on vLLM beyond the contract of every engine: adapters, other models, engines that die."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from tests.functions.chat.lora import merge, write_adapter
from tests.functions.chat.test_engines import LONG, PROMPTS, SMALL, ask, at_once
from tests.functions.chat.test_local import close

from skyhook.function import FunctionError
from skyhook_functions.chat.messages import Delta, GenerateRequest
from skyhook_functions.chat.vllm_model import VllmModel
from skyhook_functions.chat.whole import joined

pytest.importorskip("vllm")

os.environ.setdefault("VLLM_CPU_KVCACHE_SPACE", "1")


@pytest.fixture(scope="module")
def model() -> Iterator[VllmModel]:
    model = VllmModel()
    model.load()
    with pytest.MonkeyPatch.context() as patch:
        from skyhook_functions.chat import vllm_engine

        # Engines start often here, and to compile the model takes longer than all else.
        arguments = vllm_engine._arguments
        patch.setattr(
            vllm_engine, "_arguments", lambda *given: replace(arguments(*given), enforce_eager=True)
        )
        yield model
    model._close_engine()


def with_adapter(request: GenerateRequest, adapter: Path) -> GenerateRequest:
    return msgspec.structs.replace(request, adapter=str(adapter))


def refused(model: VllmModel, request: GenerateRequest) -> FunctionError:
    with pytest.raises(FunctionError) as caught:
        joined(model.generate(request))
    return caught.value


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with an end that it never makes, so that answers are as long as they may be."""
    folder = tmp_path_factory.mktemp("base") / "endless"
    shutil.copytree(SMALL, folder)
    for name, field, end in (
        ("generation_config.json", "eos_token_id", 0),
        ("config.json", "eos_token_id", 0),
        ("tokenizer_config.json", "eos_token", "<|pad|>"),
    ):
        content = json.loads((folder / name).read_bytes())
        (folder / name).write_text(json.dumps(content | {field: end}))
    return folder


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """So many that not all are in a batch at once, nor held."""
    folder = tmp_path_factory.mktemp("adapters")
    return [write_adapter(folder / str(seed), SMALL, seed=seed, scale=0.4) for seed in range(40)]


def test_an_adapter_answers_as_the_model_with_its_matrices_added(
    model: VllmModel, base: Path, adapters: list[Path], tmp_path: Path
) -> None:
    # Small steps: in sixteen bits the sum of the weights is not the sum of the products to the last bit.
    adapted = [
        joined(model.generate(with_adapter(ask(text, max_tokens=6, model=base), adapters[0]))).text
        for text in PROMPTS
    ]
    plain = [joined(model.generate(ask(text, max_tokens=6, model=base))).text for text in PROMPTS]
    merged = merge(tmp_path / "merged", base, adapters[0])
    alone = [joined(model.generate(ask(text, max_tokens=6, model=merged))).text for text in PROMPTS]
    assert sum(one != other for one, other in zip(adapted, plain, strict=True)) >= 2, (adapted, plain)
    same = sum(one == other for one, other in zip(adapted, alone, strict=True))
    assert same >= len(PROMPTS) - 1, (adapted, alone)


def test_more_adapters_than_are_held_answer_each_as_alone(
    model: VllmModel, base: Path, adapters: list[Path]
) -> None:
    requests = [with_adapter(ask(max_tokens=12, model=base), adapter) for adapter in adapters]
    alone = [joined(model.generate(request)).text for request in requests]
    assert len(set(alone)) > len(adapters) // 2
    engine = model._engines._engine
    assert engine is not None
    held = model._start(engine._llm.list_loras()).result()
    assert len(held) == 32
    assert at_once(model, [*requests, ask(max_tokens=12, model=base)])[:-1] == alone


def test_adapters_share_no_prompt_cache(model: VllmModel, base: Path, adapters: list[Path]) -> None:
    first = joined(model.generate(with_adapter(ask(LONG, model=base), adapters[1])))
    other = joined(model.generate(with_adapter(ask(LONG, model=base), adapters[2])))
    again = joined(model.generate(with_adapter(ask(LONG, model=base), adapters[1])))
    assert first.cached_tokens == other.cached_tokens == 0 < again.cached_tokens
    assert again.text == first.text


def test_a_bad_adapter_is_named_and_harms_no_other(
    model: VllmModel, base: Path, adapters: list[Path], tmp_path: Path
) -> None:
    running = model.generate(with_adapter(ask(temperature=2.0, max_tokens=300, model=base), adapters[0]))
    while not next(running).text:
        pass
    rank = write_adapter(tmp_path / "rank", base, rank=128)
    dora = write_adapter(tmp_path / "dora", base)
    config = dora / "adapter_config.json"
    config.write_text(config.read_text().replace("}", ', "use_dora": true}'))
    cut = write_adapter(tmp_path / "cut", base)
    weights = cut / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    for folder, code, message in (
        (tmp_path / "nothing", "MODEL_NOT_FOUND", "has no adapter_config.json"),
        (rank, "MODEL_INVALID", "LoRA rank 128 is greater than max_lora_rank 64"),
        (dora, "MODEL_INVALID", "does not yet support DoRA"),
        (cut, "MODEL_INVALID", "SafetensorError"),
    ):
        error = refused(model, with_adapter(ask(model=base), folder))
        assert (error.code, error.retryable) == (code, False)
        assert message in error.message
        assert "Worker failed" not in error.message
    # One that was loaded and is gone from the disk when it is wanted again.
    gone = write_adapter(tmp_path / "gone", base)
    joined(model.generate(with_adapter(ask(max_tokens=1, model=base), gone)))
    shutil.rmtree(gone)
    for adapter in adapters:
        joined(model.generate(with_adapter(ask(max_tokens=1, model=base), adapter)))
    assert refused(model, with_adapter(ask(model=base), gone)).code == "MODEL_INVALID"
    *_, last = running
    assert last.completion_tokens == 300


def test_another_model_waits_for_running_answers_and_they_for_it(
    model: VllmModel, base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    expected = joined(model.generate(ask(model=base))).text
    running = model.generate(ask(temperature=2.0, max_tokens=500, seed=1, model=base))
    while not next(running).text:
        pass
    with ThreadPoolExecutor(3) as pool:
        second = pool.submit(lambda: joined(model.generate(ask(model=other))).text)
        parts = list(running)
        assert parts[-1].completion_tokens == 500
        back = [pool.submit(lambda: joined(model.generate(ask(model=base))).text) for _ in range(2)]
        assert second.result() == expected
        assert [one.result() for one in back] == [expected] * 2
    assert model._engines._engine is not None
    assert model._engines._engine.folder == base.resolve()


def test_a_model_that_vllm_cannot_run_is_named_and_the_next_runs(
    model: VllmModel, base: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "broken"
    shutil.copytree(base, broken)
    (broken / "model.safetensors").write_bytes(b"no weights at all")
    first = refused(model, ask(model=broken))
    assert (first.code, "vLLM does not start with it" in first.message) == ("MODEL_INVALID", True)
    assert refused(model, ask(model=broken)) is first
    assert joined(model.generate(ask(max_tokens=5, model=base))).completion_tokens == 5


def test_an_engine_that_dies_is_told_and_started_anew(model: VllmModel, base: Path) -> None:
    expected = joined(model.generate(ask(model=base))).text
    running = model.generate(ask(temperature=2.0, max_tokens=900, model=base))
    while not next(running).text:
        pass
    assert model._engines._engine is not None
    for process in model._engines._engine._llm.engine_core.resources.engine_manager.processes:
        os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(FunctionError) as caught:
        list(running)
    assert (caught.value.code, caught.value.retryable) == ("ENGINE_STOPPED", True)
    assert joined(model.generate(ask(model=base))).text == expected


def test_a_caller_who_leaves_while_the_engine_starts_is_no_burden(
    model: VllmModel, base: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(base, other)
    leaving = model.generate(ask(model=other, max_tokens=900))
    assert next(leaving) == Delta()
    close(leaving)
    assert joined(model.generate(ask(model=other, max_tokens=3))).completion_tokens == 3
    assert model._engines._engine is not None
    assert model._engines._engine.users == 0
