"""What spending alerts refuse."""

from __future__ import annotations

from skyhook.errors import SkyhookError


class SpendingAlertExists(SkyhookError):
    """The organization has this alert already."""

    code = "SPENDING_ALERT_EXISTS"
    status = 409


class SpendingAlertsTooMany(SkyhookError):
    """The organization has as many alerts as it may."""

    code = "SPENDING_ALERTS_TOO_MANY"
    status = 409
