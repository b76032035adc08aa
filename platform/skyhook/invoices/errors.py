"""What billing documents refuse."""

from __future__ import annotations

from skyhook.errors import SkyhookError


class MonthNotOver(SkyhookError):
    """Calls of the month may still be charged."""

    code = "MONTH_NOT_OVER"
    status = 409


class LinesDiffer(SkyhookError):
    """What was used in a month is not what the ledger moved: nothing is issued."""

    code = "LINES_DIFFER"
    status = 500
