"""The training of `skyhook-code`: what is held out, what is learned, and that learning works and can be resumed."""

from __future__ import annotations

import ast
from functools import partial
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from skyhook.function import Progress
from skyhook_functions.chat.local import ChatModel
from skyhook_functions.chat.messages import GenerateRequest, Message, Sampling
from skyhook_functions.chat.whole import joined
from skyhook_functions.training.code import evaluate
from skyhook_functions.training.code.corpus import Module
from skyhook_functions.training.code.data import MOST_TOKENS, Place, Places, encode
from skyhook_functions.training.code.ngram import NGram
from skyhook_functions.training.code.tokenizer import END, PAD, prompt, save_tokenizer, train_tokenizer
from skyhook_functions.training.course import Course
from skyhook_functions.training.language import Batch, export, loss_of, padded, train

SOURCE = "".join(f"def add_{number}(a, b):\n    return a + b + {number}\n\n\n" for number in range(40))
MODULE = Module("adding.py", SOURCE)


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return train_tokenizer([SOURCE])


@pytest.fixture
def model(tokenizer: Tokenizer) -> LlamaForCausalLM:
    torch.manual_seed(1)
    torch.set_num_threads(1)
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=tokenizer.get_vocab_size(),
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=2,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            bos_token_id=None,
        )
    )


def batches(tokenizer: Tokenizer, number: int) -> list[Batch]:
    places = Places([MODULE], seed=1)
    return [padded([encode(tokenizer, places.place(2 * number + offset)) for offset in range(2)])]


def run(model: LlamaForCausalLM, tokenizer: Tokenizer, folder: Path, steps: int) -> list[Progress]:
    course = Course(checkpoints=folder, out=folder, steps=steps, batch_tokens=0)
    return list(train(model, partial(batches, tokenizer), course, held_out=batches(tokenizer, 5_000)))


def test_a_place_is_a_piece_of_a_module_and_the_same_each_time() -> None:
    places = Places([MODULE], seed=3)
    made = [places.place(index) for index in range(200)]
    assert made == [places.place(index) for index in range(200)]
    assert all(place.prefix + place.middle in SOURCE for place in made)
    assert all(place.prefix + place.middle + place.suffix in SOURCE for place in made if place.suffix)
    shares = [
        sum(kinds) / 200 for kinds in zip(*((not p.middle, "\n" in p.middle) for p in made), strict=True)
    ]
    assert all(0.05 < share < 0.5 for share in shares)


def test_a_place_is_encoded_as_the_template_asks_for_it(tokenizer: Tokenizer, tmp_path: Path) -> None:
    save_tokenizer(tokenizer, tmp_path)
    fast = PreTrainedTokenizerFast.from_pretrained(tmp_path)
    messages = [{"role": "prefix", "content": "def add_1("}, {"role": "suffix", "content": "\n"}]
    assert fast.apply_chat_template(messages, tokenize=False, add_generation_prompt=True) == prompt(
        "def add_1(", "\n"
    )
    ids, weights = encode(tokenizer, Place("def add_1(", "a, b):", "\n"))
    asked = tokenizer.encode(prompt("def add_1(", "\n"), add_special_tokens=False).ids
    assert ids[: len(asked)] == asked
    assert ids[-1] == tokenizer.token_to_id(END)
    assert set(weights) == {1.0}


def test_a_long_place_keeps_what_is_next_to_the_cursor(tokenizer: Tokenizer) -> None:
    ids, _ = encode(tokenizer, Place("far = 1\n" * 2000 + "near = ", "2", "\n"))
    assert len(ids) == MOST_TOKENS
    assert "near" in tokenizer.decode(ids, skip_special_tokens=False)


def test_training_learns_and_a_stopped_run_goes_on(
    model: LlamaForCausalLM, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    (batch,) = batches(tokenizer, 5_000)
    before = loss_of(model, batch).item()
    early = run(model, tokenizer, tmp_path, 30)
    middle = loss_of(model, batch).item()
    again = LlamaForCausalLM(model.config)
    late = run(again, tokenizer, tmp_path, 60)
    assert torch.load(tmp_path / "last.pt", weights_only=True)["step"] == 60
    after = loss_of(again, batch).item()
    assert after < middle < before
    assert after < 0.9 * before
    assert [early[-1].held_out_loss, late[-1].held_out_loss] == pytest.approx([middle, after], rel=0.01)


def test_what_was_trained_completes_as_a_model_of_the_catalogue(
    model: LlamaForCausalLM, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    run(model, tokenizer, tmp_path, 60)
    folder = tmp_path / "weights"
    export(model, tokenizer, folder, end=END, pad=PAD, longest=32)
    save_tokenizer(tokenizer, folder)
    function = ChatModel()
    function.load()
    request = GenerateRequest(
        model=str(folder),
        messages=[Message("prefix", "def add_3(a, b):\n    return a"), Message("suffix", "\n")],
        tools=[],
        sampling=Sampling(max_tokens=8, temperature=0, stop=["\n"]),
    )
    completion = joined(function.generate(request))
    assert completion.completion_tokens > 0
    assert completion.text == joined(function.generate(request)).text


def test_ngrams_say_what_followed_most_often() -> None:
    ngram = NGram([[0, 1, 2, 3, 9], [1, 2, 3, 9], [1, 2, 3, 8], [5, 3, 7], [5, 3, 7], [5, 3, 7]])
    assert ngram.next([1, 2, 3]) == 9
    assert ngram.next([5, 3]) == 7
    assert ngram.next([4, 4, 3]) == 7
    assert ngram.next([4]) == 3


@pytest.mark.usefixtures("few_sources")
def test_every_kind_of_place_is_right_with_what_stood_there_and_wrong_with_something_else() -> None:
    for case in evaluate.cases(5, seed=1):
        wanted = f"\n{case.wanted}" if case.group == "next" else case.wanted
        assert case.is_right(wanted)
        assert not case.is_right("\n)(" if case.group == "block" else "§")
        assert ast.parse(case.prefix + wanted + case.suffix)
