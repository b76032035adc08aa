"""Tables as CSV files."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from litestar import Response


def csv_file(name: str, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response[str]:
    """A file to download, in which no text is a formula to a spreadsheet."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(head)
    for row in rows:
        table.writerow([_inert(value) if isinstance(value, str) else value for value in row])
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(text.getvalue(), media_type="text/csv; charset=utf-8", headers=headers)


def _inert(text: str) -> str:
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
