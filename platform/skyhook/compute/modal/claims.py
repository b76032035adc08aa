"""Which detached call runs for a token: one at most, however often the call was begun.

A server that dies between beginning a call and noting its id leaves a call that nobody knows. So it notes a
token first; begun again under that, the calls settle between them which of them runs.
"""

from __future__ import annotations

import modal

from skyhook.compute.modal.naming import CLAIMS

NOBODY = ""
"""Holds a token whose calls must not run any more."""


class Claims:
    """The dictionary at Modal, which keeps an entry for seven days."""

    def __init__(self) -> None:
        self._held = modal.Dict.from_name(CLAIMS, create_if_missing=True)

    async def claim(self, token: str, holder: str) -> str:
        """Who holds the token: this one, unless another came before."""
        if await self._held.put.aio(token, holder, skip_if_exists=True):
            return holder
        found: str = await self._held.get.aio(token, NOBODY)
        return found

    async def holder(self, token: str) -> str | None:
        """The call that runs, or ran, for the token; None where none has begun to."""
        found: str | None = await self._held.get.aio(token)
        return found or None
