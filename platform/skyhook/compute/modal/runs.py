"""What one call's run in a container cost."""

from __future__ import annotations

import logging

from skyhook.compute import protocol
from skyhook.compute.expenses import Expenses
from skyhook.compute.modal.prices import Prices
from skyhook.function import FunctionSpec

logger = logging.getLogger("skyhook.compute")


class Run:
    """One call's run, whose expense is told once, by what was heard of it last."""

    def __init__(self, spec: FunctionSpec, prices: Prices, expenses: Expenses | None) -> None:
        self._spec = spec
        self._prices = prices
        self._expenses = expenses
        self._ran: protocol.Ran | None = None

    def hear(self, ran: protocol.Ran | None) -> None:
        """A reply said how long it has run, or nothing of it."""
        self._ran = ran or self._ran

    def tell(self) -> None:
        """The run has ended, or nobody listens any more."""
        if self._expenses is not None and self._ran is not None:
            expense = self._prices.expense(self._ran, self._spec.memory_gib, in_sandbox=self._spec.isolated)
            if expense is None:
                logger.warning("%s ran on %s, which has no price", self._spec.name, self._ran.gpu)
            self._expenses.add(self._spec.name, round(self._ran.seconds * 1e6), expense)
