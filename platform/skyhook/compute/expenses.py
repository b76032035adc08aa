"""What calls cost whoever operates the platform, beside what they charge for them."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec


class Expenses(msgspec.Struct, array_like=True):
    """What the runs of functions cost for one call or job; a backend that knows it adds each run."""

    by_function: dict[str, tuple[int, int]] = {}
    """Microseconds and nano-dollars of each function, by its name."""
    is_known: bool = True
    """False where a run has no price, so that nothing can be said of the whole."""

    def add(self, function: str, microseconds: int, nano_dollars: int | None) -> None:
        """A function has run for so long; None where nobody knows what that costs."""
        if nano_dollars is None:
            self.is_known = False
            return
        before_us, before = self.by_function.get(function, (0, 0))
        self.by_function[function] = (before_us + microseconds, before + nano_dollars)

    def merge(self, other: Expenses) -> None:
        """Adds what other runs cost."""
        self.is_known = self.is_known and other.is_known
        for function, (microseconds, nano_dollars) in other.by_function.items():
            self.add(function, microseconds, nano_dollars)

    @property
    def known(self) -> Mapping[str, tuple[int, int]] | None:
        """What is recorded: None where nothing ran that has a price."""
        return self.by_function if self.by_function and self.is_known else None
