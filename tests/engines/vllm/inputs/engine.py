"""Prompts."""

from __future__ import annotations

from typing import Any


def tokens_input(prompt_token_ids: list[int], cache_salt: str | None = None) -> dict[str, Any]:
    return {"prompt_token_ids": prompt_token_ids, "cache_salt": cache_salt}
