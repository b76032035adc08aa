"""What resolvers know of the request: who calls, under which idempotency key, with which services."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeAlias, TypeVar

import strawberry
from strawberry.dataloader import DataLoader

from skyhook.errors import InvalidInput, Unauthenticated
from skyhook.graphql.head import Head
from skyhook.operations.caller import Caller

K = TypeVar("K")
V = TypeVar("V")

Authenticate: TypeAlias = Callable[[Head], Awaitable[Caller | None]]
"""A request's head to a caller; None where it names nobody.

Raises a SkyhookError, such as KEY_INVALID, which refuses the request with its status.
"""


@dataclass(slots=True)
class Credit:
    """Nano-dollars that this request has held and charged so far; resolvers add to it."""

    held: int = 0
    charged: int = 0

    def add(self, held: int, charged: int) -> None:
        """Adds what one operation held and was charged."""
        self.held += held
        self.charged += charged


class Context:
    """One for each request, and one for each operation of a WebSocket."""

    __slots__ = (
        "_asked_operations",
        "_caller",
        "_loaders",
        "client_address",
        "credit",
        "idempotency_key",
        "nodes",
        "origin",
        "request_id",
        "services",
    )

    def __init__(
        self,
        *,
        caller: Caller | None,
        request_id: str,
        client_address: str,
        services: Any,
        idempotency_key: str | None = None,
        origin: str = "",
    ) -> None:
        self._caller = caller
        self._asked_operations = 0
        self._loaders: dict[Any, DataLoader[Any, Any]] = {}
        self.request_id = request_id
        self.client_address = client_address
        self.services = services
        self.idempotency_key = idempotency_key
        self.origin = origin
        """Where the client reached the server, such as `https://api.example.com`; empty where unknown."""
        self.credit = Credit()
        self.nodes = 0
        """The nodes that connections have returned so far."""

    @property
    def caller(self) -> Caller:
        """Who calls. Raises Unauthenticated where nobody is known."""
        if self._caller is None:
            raise Unauthenticated(
                "This needs an API key. Send it as the header `Authorization: Bearer sk_...`."
            )
        return self._caller

    @property
    def caller_or_none(self) -> Caller | None:
        """Who calls, for fields that are open to everybody."""
        return self._caller

    def next_idempotency_key(self, argument: str | None) -> str | None:
        """The key of the request's next operation: its own argument, or the header.

        The header names the whole request; operations after the first have their number behind it.
        """
        if argument is not None:
            return idempotency_key(argument)
        if self.idempotency_key is None:
            return None
        self._asked_operations += 1
        number = self._asked_operations
        return self.idempotency_key if number == 1 else f"{self.idempotency_key}#{number}"

    def absolute(self, link: str) -> str:
        """A link as the client can follow it: a path becomes one on the server that it reached."""
        return f"{self.origin}{link}" if link.startswith("/") else link

    def loader(self, load: Callable[[Context, list[K]], Awaitable[Sequence[V]]]) -> DataLoader[K, V]:
        """The request's one DataLoader over `load`, which must be a module's function, not a closure."""
        loader = self._loaders.get(load)
        if loader is None:
            loader = self._loaders[load] = DataLoader(load_fn=partial(load, self))
        return loader

    def forget_loaded(self) -> None:
        """Drops what was loaded, so that the next event of a subscription sees fresh rows."""
        self._loaders.clear()


Info: TypeAlias = strawberry.Info[Context, None]
"""The annotation of a resolver's `info`."""


def idempotency_key(value: str | None) -> str | None:
    """The header's value, checked: 1 to 255 printable ASCII characters."""
    if value is None:
        return None
    if not 1 <= len(value) <= 255 or not value.isascii() or not value.isprintable():
        raise InvalidInput(
            "The header Idempotency-Key takes 1 to 255 printable ASCII characters, such as a UUID.",
            field="Idempotency-Key",
        )
    return value
