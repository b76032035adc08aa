"""Prices, credit, budgets, leases and settlement: a served call is a charged call, exactly once."""

from skyhook.billing.calls import Balance, Hold, IdempotentResult, Payer, Receipt, Served
from skyhook.billing.errors import BudgetExceeded, IdempotencyKeyReused, InsufficientCredit, UnknownMeter
from skyhook.billing.service import Billing

__all__ = [
    "Balance",
    "Billing",
    "BudgetExceeded",
    "Hold",
    "IdempotencyKeyReused",
    "IdempotentResult",
    "InsufficientCredit",
    "Payer",
    "Receipt",
    "Served",
    "UnknownMeter",
]
