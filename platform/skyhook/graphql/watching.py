"""Streams end soon after the session in which a page has started them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from skyhook.errors import SkyhookError
from skyhook.graphql.head import Head

CHECKED_EVERY_S = 30.0

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Raises a SkyhookError once a session has ended."""
Watch: TypeAlias = Callable[[Head], Awaitable[Check | None]]
"""A stream's head to the check of its session; to None for a stream that has a key."""

_log = logging.getLogger(__name__)


async def nobody_is_watched(_head: Head) -> None:
    """The watch of a server that knows no sessions."""


async def end_of(check: Check | None) -> SkyhookError:
    """Returns when a session has ended, with what to tell; never for a stream that has none."""
    while True:
        await asyncio.sleep(CHECKED_EVERY_S)
        try:
            if check is not None:
                await check()
        except SkyhookError as ended:
            return ended
        except Exception:
            _log.exception("A stream's session could not be checked; it goes on")
