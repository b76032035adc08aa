"""How tokens are chosen."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum


class RequestOutputKind(Enum):
    DELTA = 1


@dataclass
class SamplingParams:
    max_tokens: int
    temperature: float
    top_p: float
    seed: int | None
    detokenize: bool
    output_kind: RequestOutputKind
    stop_token_ids: list[int] = field(default_factory=list)
