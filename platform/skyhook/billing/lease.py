"""A lease: this process's slice of one fund."""

from __future__ import annotations

from uuid import UUID

from skyhook.billing.funds import Fund, FundAccounts


class Lease:
    """A slice of a fund.

    `remaining` is what the ledger holds of it, `promised` what of that running calls may take.
    """

    __slots__ = ("accounts", "fund", "hold_id", "lost", "promised", "remaining", "used")

    def __init__(self, fund: Fund, accounts: FundAccounts, hold_id: UUID | None) -> None:
        self.fund = fund
        self.accounts = accounts
        self.hold_id = hold_id
        """None while nothing was ever leased."""
        self.remaining = 0
        self.promised = 0
        self.used = 0
        """What was promised since the last look at idle leases."""
        self.lost = False
        """Whether it expired: its calls are charged to the fund directly."""

    @property
    def open_hold(self) -> UUID | None:
        """What its calls are captured from; None where it was lost."""
        return None if self.lost else self.hold_id

    @property
    def free(self) -> int:
        """What can be promised to calls."""
        return self.remaining - self.promised

    def promise(self, amount: int) -> None:
        """Sets `amount` of what is free aside for a call."""
        self.promised += amount
        self.used += amount

    def settle(self, promised: int, charged: int) -> None:
        """Ends a promise of which `charged` was captured."""
        self.promised -= promised
        self.remaining -= charged
