"""Range requests and conditional requests, as RFC 9110 has them."""

from __future__ import annotations

import re
from dataclasses import dataclass

from skyhook.errors import SkyhookError

_RANGE = re.compile(r"bytes=\s*(\d{0,19})-(\d{0,19})\s*\Z", re.IGNORECASE)
_TAGS = re.compile(r'(?:W/)?("[^"]*")')


class RangeNotSatisfiable(SkyhookError):
    """The range begins behind the end of the content."""

    code = "RANGE_NOT_SATISFIABLE"
    status = 416

    def __init__(self, size: int) -> None:
        super().__init__(f"The content has {size} bytes: ask for a range within them.")
        self.size = size


@dataclass(frozen=True, slots=True)
class Part:
    """The bytes from `start` to before `end` of a content."""

    start: int
    end: int
    is_whole: bool


def wanted(size: int, tag: str, range_header: str | None, if_range: str | None) -> Part:
    """The part of a content of `size` bytes that a request asks for. Raises RangeNotSatisfiable.

    Several ranges, or what is no range of bytes, get the whole, as RFC 9110 allows; so does a range of
    another content than the one that `If-Range` names.
    """
    whole = Part(0, size, is_whole=True)
    match = _RANGE.match(range_header) if range_header else None
    if match is None or (if_range is not None and if_range.strip() != tag):
        return whole
    first, last = match.groups()
    if not first and not last:
        return whole
    if not first:
        start, end = max(size - int(last), 0), size
    else:
        start, end = int(first), min(int(last) + 1, size) if last else size
        if last and int(last) < start:
            return whole
    if start >= size or start >= end:
        raise RangeNotSatisfiable(size)
    return Part(start, end, is_whole=False)


def is_known(tag: str, if_none_match: str | None) -> bool:
    """Whether `If-None-Match` says that the client has the content with this tag."""
    if if_none_match is None:
        return False
    return if_none_match.strip() == "*" or tag in _TAGS.findall(if_none_match)
