"""Whether Modal answers, and how what is deployed differs: asked at the start and while the server runs."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime

from skyhook.clock import now
from skyhook.compute.modal.errors import ModalUnreachable
from skyhook.compute.standing import Drift, Standing, Standings
from skyhook.errors import SkyhookError
from skyhook.rounds import Rounds

START_S = 3.0
"""For how long the start waits for Modal; without an answer it goes on."""
EVERY_S = 60.0
"""How often Modal is asked."""
PAUSE_S = (2.5, 10.0)
"""The first and the longest pause while something is wrong: twice as long each time."""
WAIT_S = 300.0
"""How long what can wait does so for Modal to answer."""

logger = logging.getLogger("skyhook.compute")


class Watch(Rounds):
    """What one server knows of Modal."""

    def __init__(self) -> None:
        super().__init__(EVERY_S, logger, "Modal could not be asked")
        self._looked = asyncio.Event()
        self._reachable = asyncio.Event()
        self._reachable.set()
        self._pause_s = PAUSE_S[0]
        self._standings: Sequence[Standing] = ()
        self._asked_at: datetime | None = None
        self._told: Mapping[str, Drift] = {}
        self._ask: Callable[[], Awaitable[Sequence[Standing]]]
        self.problem: SkyhookError | None = None
        """Why calls cannot be made, as Modal's last answer says, or that it gave none."""

    async def begin(self, ask: Callable[[], Awaitable[Sequence[Standing]]]) -> None:
        """Asks from here on: `ask` tells how the functions stand, or raises the backend's errors before long.

        Raises what the first answer says is wrong, if it comes soon. That there is no answer is none of that.
        """
        self._ask = ask
        await self.start()
        with suppress(TimeoutError):
            async with asyncio.timeout(START_S):
                await self._looked.wait()
        if not self._looked.is_set():
            self._note(ModalUnreachable.now())
        elif self.problem is not None and self._reachable.is_set():
            await self.close()
            raise self.problem

    async def standings(self, within_s: float) -> Standings:
        """How the functions stand: asks now, and waits so long for the answer."""
        self._looked.clear()
        self.wake()
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._looked.wait()
        return Standings(self._standings, self._asked_at, is_late=not self._looked.is_set())

    def admit(self) -> None:
        """Raises ModalUnreachable where Modal does not answer: a call could wait for it without end."""
        if not self._reachable.is_set():
            raise ModalUnreachable.now()

    async def wait(self) -> None:
        """Waits until Modal answers. Raises ModalUnreachable after five minutes."""
        with suppress(TimeoutError):
            async with asyncio.timeout(WAIT_S):
                await self._reachable.wait()
        self.admit()

    def heard(self) -> None:
        """Modal has answered a call."""
        if not self._reachable.is_set():
            self._note(None)

    def missed(self) -> None:
        """Modal has not answered a call: it is asked at once."""
        if self._reachable.is_set():
            self.wake()

    async def look(self) -> float:
        """Asks once, and notes what has changed."""
        try:
            self._standings, self._asked_at = await self._ask(), now()
        except SkyhookError as error:
            self._note(error)
            pause_s, self._pause_s = self._pause_s, min(self._pause_s * 2, PAUSE_S[1])
            return pause_s
        finally:
            self._looked.set()
        self._note(None)
        self._pause_s = PAUSE_S[0]
        self._tell(self._standings)
        return EVERY_S

    def _note(self, problem: SkyhookError | None) -> None:
        """Logs what has changed."""
        before, self.problem = self.problem, problem
        if isinstance(problem, ModalUnreachable):
            self._reachable.clear()
        else:
            self._reachable.set()
        if problem is None and before is not None:
            logger.warning("Modal answers, and the functions are deployed: calls are made again")
        elif problem is not None and (before is None or before.code != problem.code):
            logger.error("functions on Modal cannot be called: %s (%s)", problem.message, problem.code)

    def _tell(self, standings: Sequence[Standing]) -> None:
        drifts = {one.name: one.drift for one in standings if one.drift in ("changed", "missing")}
        for name, drift in drifts.items():
            if self._told.get(name) != drift:
                logger.warning("%s is %s on Modal: skyhook functions deploy", name, drift)
        self._told = drifts
