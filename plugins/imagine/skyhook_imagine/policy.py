"""What may be asked for: the hook of an operator's content policy, and a plain default.

The setting `policy` names an object with the method of `ContentPolicy`. Without it `BlockedWords` refuses the
words of the setting `blocked_words`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Protocol
from uuid import UUID

from skyhook_imagine.errors import ContentRefused
from skyhook_imagine.settings import ImagineSettings


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody asks for in words."""

    organization_id: UUID
    operation: str
    prompt: str


class ContentPolicy(Protocol):
    """Looks at each request before anything is held for it, and at each prompt of a live session."""

    async def check(self, wish: Wish) -> None:
        """Raises ContentRefused, with a sentence that says what is not allowed."""
        ...


class BlockedWords:
    """Refuses prompts that have one of some words or phrases in them, whole and in any case."""

    def __init__(self, words: Iterable[str]) -> None:
        blocked = [re.escape(word.strip().casefold()) for word in words if word.strip()]
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(blocked)})(?!\w)") if blocked else None

    async def check(self, wish: Wish) -> None:
        """Raises ContentRefused."""
        found = self._pattern.search(" ".join(wish.prompt.casefold().split())) if self._pattern else None
        if found:
            raise ContentRefused(
                f"This server makes nothing of {found[0]!r}: ask for something else.", field="prompt"
            )


@cache
def content_policy(settings: ImagineSettings) -> ContentPolicy:
    """The policy that the operator has set."""
    module, _, name = settings.policy.partition(":")
    if module:
        policy: ContentPolicy = getattr(import_module(module), name)
        return policy
    return BlockedWords(settings.blocked_words)
