"""What tests of trainings share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from skyhook_functions.training.code import corpus
from skyhook_functions.training.code.sources import Source


@pytest.fixture
def few_sources(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Two packages alone to learn code from, one of them held out, since all of them take seconds to read."""
    monkeypatch.setattr(
        corpus, "SOURCES", (Source("h11", "MIT"), Source("click", "BSD-3-Clause", is_held_out=True))
    )
    corpus.modules.cache_clear()
    yield
    corpus.modules.cache_clear()
