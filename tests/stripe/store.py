"""What the stand-in knows: its objects, its clock and the events that they made."""

from __future__ import annotations

import copy
import random
import string
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from tests.stripe.errors import missing

Object = dict[str, Any]
API_VERSION = "2026-10-28.endive"
_LETTERS = string.ascii_letters + string.digits


class Store:
    """All objects of one account, each by its id."""

    def __init__(self, seed: int = 0) -> None:
        self.lock = threading.RLock()
        self.on_event: Callable[[Object], None] | None = None
        self.address = ""
        self.request: Object = {"id": None, "idempotency_key": None}
        self.tax_rates: dict[str, int] = {}
        """What Stripe Tax adds in a country, in hundredths of a percent."""
        self._objects: dict[str, Object] = {}
        self._random = random.Random(seed)
        self._ahead = 0

    @property
    def now(self) -> int:
        """The account's time, seconds since 1970."""
        return int(time.time()) + self._ahead

    def turn_clock(self, seconds: int) -> None:
        """Moves the account's time on."""
        self._ahead += seconds

    def tax_of(self, amount: int, country: str) -> int:
        """The tax on an amount in a country."""
        return round(amount * self.tax_rates.get(country, 0) / 10_000)

    def token(self, prefix: str, length: int = 24) -> str:
        """A new id."""
        return prefix + "".join(self._random.choices(_LETTERS, k=length))

    def add(self, kind: str, prefix: str, **fields: Any) -> Object:
        """A new object."""
        made = {"id": self.token(prefix), "object": kind, "created": self.now, "livemode": False, **fields}
        self._objects[made["id"]] = made
        return made

    def get(self, kind: str, identifier: str) -> Object:
        """The object of an id."""
        found = self._objects.get(identifier)
        if found is None or found["object"] != kind:
            raise missing(kind, identifier)
        return found

    def find(self, identifier: str) -> Object | None:
        """The object of an id, whatever it is."""
        return self._objects.get(identifier)

    def remove(self, identifier: str) -> None:
        """Forgets an object."""
        del self._objects[identifier]

    def all(self, kind: str, **fields: Any) -> Iterator[Object]:
        """The objects of a kind whose fields are these, newest first."""
        for one in reversed(list(self._objects.values())):
            if one["object"] == kind and all(one.get(name) == value for name, value in fields.items()):
                yield one

    def emit(self, kind: str, subject: Object, **previous: Any) -> Object:
        """An event about an object as it is now."""
        data: Object = {"object": copy.deepcopy(subject)}
        if previous:
            data["previous_attributes"] = previous
        event = self.add(
            "event",
            "evt_",
            api_version=API_VERSION,
            type=kind,
            data=data,
            pending_webhooks=1,
            request=dict(self.request),
        )
        if self.on_event is not None:
            self.on_event(copy.deepcopy(event))
        return event

    def amounts_of(self, kind: str, field: str) -> int:
        """The sum of a field over all objects of a kind."""
        return sum(one[field] for one in self.all(kind))
