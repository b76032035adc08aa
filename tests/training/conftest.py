"""The probe's module can be imported, here and in workers, for as long as a test runs."""

from __future__ import annotations

import pytest
from tests.serving import PROBE


@pytest.fixture(autouse=True)
def importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(PROBE))
