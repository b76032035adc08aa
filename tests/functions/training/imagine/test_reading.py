"""Captions are learned as answers to questions, and drawing depends on the answers alone."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
import torch

from skyhook_functions.imagine.small.network import Network, Shape
from skyhook_functions.imagine.small.words import Words
from skyhook_functions.training.imagine.batches import Stream, picture
from skyhook_functions.training.imagine.meaning import ANSWERS, certain, misread
from skyhook_functions.training.imagine.train_reader import trained_reader
from skyhook_functions.training.imagine.wording import EMPTY, STRANGE, vocabulary, with_strange_words

SHAPE = Shape(
    vocabulary=len(vocabulary()) + 2,
    answers=ANSWERS,
    side=2,
    width=32,
    depth=1,
    heads=2,
    hidden=32,
    text_depth=1,
)


def stream() -> Stream:
    return Stream(picture, Words(vocabulary()), SHAPE.words, per_moment=1, seed=3)


def test_right_answers_are_certain() -> None:
    _, right = stream().captions(0, 16)
    chances = certain(right)
    assert chances.shape == (16, sum(ANSWERS))
    assert chances.sum(dim=1).tolist() == [len(ANSWERS)] * 16
    logits = [20.0 * part for part in chances.split(ANSWERS, dim=1)]
    assert misread(logits, right) < 1e-3 < misread([-part for part in logits], right)


def test_strange_words_leave_the_others_in_their_order() -> None:
    rng = random.Random(1)
    told = "a red star above the blue heart"
    put_in = 0
    for _ in range(100):
        words = with_strange_words(rng, told).split(" ")
        rest = iter(words)
        assert all(word in rest for word in told.split(" "))
        put_in += len(words) - 7
        assert set(words) <= {*told.split(" "), *EMPTY, STRANGE}
    assert put_in > 20


@pytest.mark.filterwarnings("ignore:Mismatch dtype")  # which costs speed alone
def test_a_reader_learns_and_is_kept(tmp_path: Path) -> None:
    torch.manual_seed(0)
    reader = trained_reader(tmp_path, SHAPE, stream(), steps=120, processes=0)
    ids, right = stream().captions(100_000, 64)
    guess = sum(torch.log(torch.tensor(float(count))) for count in ANSWERS) / len(ANSWERS)
    assert misread(reader(ids), right) < 0.8 * guess
    again = trained_reader(tmp_path, SHAPE, stream(), steps=120, processes=0)
    assert torch.equal(again(ids)[0], reader(ids)[0])


def test_the_same_answers_are_drawn_alike_and_no_caption_in_its_own_way() -> None:
    torch.manual_seed(0)
    network = Network(SHAPE)
    told = torch.tensor([True, True, False])
    chances = certain(stream().captions(0, 1)[1]).expand(3, -1)
    vectors = network.meaning(chances, told)
    torch.testing.assert_close(vectors[0], vectors[1])
    assert not torch.allclose(vectors[0], vectors[2])
    nothing = network.read(torch.zeros(1, SHAPE.words, dtype=torch.long))
    torch.testing.assert_close(nothing[0], vectors[2])
