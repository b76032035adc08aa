"""How the tests of the imagine functions expect typed errors."""

from __future__ import annotations

import pytest

from skyhook.function import FunctionError


def refused(code: str, match: str | None = None) -> pytest.RaisesExc[FunctionError]:
    """Expects a FunctionError of a code, and a text that the expression is found in."""
    return pytest.RaisesExc(FunctionError, match=match, check=lambda error: error.code == code)
