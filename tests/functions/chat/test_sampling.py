"""Sampling of a batch, and the prompt cache's bookkeeping."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from skyhook_functions.chat import sampling
from skyhook_functions.chat.messages import Sampling
from skyhook_functions.chat.prefix import PrefixCache
from skyhook_functions.chat.sampling import Sampler, new_seed

LOGITS = torch.tensor([2.0, 1.0, 0.5, 0.0, -1.0, float("-inf")])


def draws(setting: Sampling, count: int, logits: Tensor = LOGITS) -> Tensor:
    """How often each token comes, as a share, in rows of different seeds."""
    sampler = Sampler([setting] * count, range(count), [0] * count)
    tokens = sampler.sample(logits.expand(count, -1))
    return torch.bincount(tokens, minlength=logits.shape[0]) / count


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_tokens_come_as_often_as_their_probabilities_say(temperature: float) -> None:
    expected = (LOGITS / temperature).softmax(0)
    assert torch.allclose(draws(Sampling(1, temperature), 20_000), expected, atol=0.015)


@pytest.mark.parametrize("sorted_first", [1, 256])
def test_top_p_keeps_the_likeliest_tokens_that_reach_it(
    monkeypatch: pytest.MonkeyPatch, sorted_first: int
) -> None:
    monkeypatch.setattr(sampling, "NUCLEUS", sorted_first)
    probabilities = LOGITS.softmax(0)
    kept = torch.where(probabilities.cumsum(0) - probabilities < 0.8, probabilities, 0)
    assert 1 < int((kept > 0).sum()) < 5
    assert torch.allclose(draws(Sampling(1, 1.0, 0.8), 20_000), kept / kept.sum(), atol=0.015)


@pytest.mark.parametrize("setting", [Sampling(1, 0.0), Sampling(1, 1e-300), Sampling(1, 1.0, 1e-9)])
def test_no_temperature_and_the_smallest_top_p_are_greedy(setting: Sampling) -> None:
    assert draws(setting, 100)[0] == 1


def test_a_row_does_not_depend_on_the_rows_around_it() -> None:
    settings = [Sampling(1, 1.0), Sampling(1, 0.0), Sampling(1, 0.7, 0.5), Sampling(1, 1.5, 0.99)]
    logits = torch.randn(4, 1000, generator=torch.Generator().manual_seed(0))
    together = Sampler(settings, [5, 6, 7, 2**64 - 1], [0, 0, 3, 9])
    alone = [
        Sampler([setting], [seed], [made])
        for setting, seed, made in zip(settings, [5, 6, 7, 2**64 - 1], [0, 0, 3, 9], strict=True)
    ]
    for _ in range(20):
        expected = [int(sampler.sample(logits[row : row + 1])) for row, sampler in enumerate(alone)]
        assert together.sample(logits).tolist() == expected


def test_seeds_of_any_size_are_taken() -> None:
    assert (new_seed(-1), new_seed(2**70)) == (2**64 - 1, 0)
    assert new_seed(None) != new_seed(None)


def test_the_prompt_cache_forgets_what_was_used_longest_ago() -> None:
    cache = PrefixCache(limit=100)
    one, two, three = ([n] * 40 for n in (1, 2, 3))
    cache.put(one, "", [])
    cache.put(two, "", [])
    assert cache.longest([*one, 9], "")[0] == 40
    cache.put(three, "", [])
    assert [cache.longest([*tokens, 9], "")[0] for tokens in (one, two, three)] == [40, 0, 40]
    assert cache.longest(one, "")[0] == 39
    assert cache.longest([*one, 9], "other")[0] == 0
    assert not cache.wants(101)
    assert not cache.wants(3)
