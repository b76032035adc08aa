"""The content policy: blocked words, and an operator's own object."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType
from uuid import uuid4

import pytest

from skyhook_imagine.errors import ContentRefused
from skyhook_imagine.policy import BlockedWords, Wish, content_policy
from skyhook_imagine.settings import ImagineSettings


def wish(prompt: str) -> Wish:
    return Wish(uuid4(), "imagineGenerate", prompt)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    content_policy.cache_clear()
    yield
    content_policy.cache_clear()


@pytest.mark.parametrize("prompt", ["a gun", "GUN!", "the-gun", "a  bad\nthing", "Bad Thing", "STRASSE"])
async def test_a_blocked_word_is_refused(prompt: str) -> None:
    with pytest.raises(ContentRefused, match="makes nothing of"):
        await BlockedWords(["Gun", " bad thing ", "", "straße"]).check(wish(prompt))


@pytest.mark.parametrize("prompt", ["a gunner", "begun", "bad things", "a house", "a.b"])
async def test_other_words_pass(prompt: str) -> None:
    await BlockedWords(["gun", "bad thing", "a+b"]).check(wish(prompt))


async def test_without_words_all_pass() -> None:
    await content_policy(ImagineSettings()).check(wish("a gun"))


async def test_the_setting_names_another_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    class Houses:
        async def check(self, wish: Wish) -> None:
            if "house" not in wish.prompt:
                raise ContentRefused("Only houses.", field="prompt")

    module = ModuleType("houses_policy")
    module.houses = Houses()  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "houses_policy", module)
    settings = ImagineSettings(policy="houses_policy:houses")
    await content_policy(settings).check(wish("a house"))
    with pytest.raises(ContentRefused, match="Only houses"):
        await content_policy(settings).check(wish("a tree"))
