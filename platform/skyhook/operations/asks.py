"""One plugin's operation asked for by another, in process: each knows the other by name and by JSON only."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from skyhook.catalogue.service import Catalogue, CatalogueModel
from skyhook.errors import InvalidInput, SkyhookError
from skyhook.operations.caller import Caller
from skyhook.operations.run import Operations
from skyhook.plugins.manifest import AskSpec, Operation, Plugin

E = TypeVar("E")


class OperationUnknown(SkyhookError):
    """No loaded plugin offers the operation."""

    code = "OPERATION_UNKNOWN"
    status = 404


@dataclass(frozen=True, slots=True)
class Ask:
    """What the asked plugin is given beside the request."""

    caller: Caller
    operations: Operations
    idempotency_key: str | None
    charged: Callable[[int, int], None]
    """To be told what was held and charged, in nano-dollars."""
    _plugin: str
    _catalogue: Catalogue

    async def model(self, name: str) -> CatalogueModel:
        """A model of the asked plugin. Raises ModelNotFound."""
        return await self._catalogue.get(self._plugin, name)


class Asks:
    """Asks for operations of any plugin that offers them, as the caller, who pays for them."""

    def __init__(
        self,
        operations: Operations,
        catalogue: Catalogue,
        declared: Mapping[str, tuple[Plugin, Operation]],
    ) -> None:
        self._operations = operations
        self._catalogue = catalogue
        self._declared = declared

    async def stream(
        self,
        caller: Caller,
        operation: str,
        request: msgspec.Struct,
        event_type: type[E],
        *,
        idempotency_key: str | None = None,
        charged: Callable[[int, int], None] = lambda _held, _charged: None,
    ) -> AsyncGenerator[E, None]:
        """The operation's events, read as `event_type`; closing the generator ends the call.

        `request` and the events are converted by their JSON form. The call is checked against the caller's
        scopes and limits, held, metered and charged as if the caller had made it.
        Raises OperationUnknown, InvalidInput for a request of another form, and what the operation raises.
        """
        plugin, declared, spec = self._offered(operation)
        caller.require(declared.scope)
        ask = Ask(caller, self._operations, idempotency_key, charged, plugin.name, self._catalogue)
        try:
            asked: Any = msgspec.convert(msgspec.to_builtins(request), spec.request)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{operation} does not take this: {error}") from error
        events = spec.run(ask, asked)
        async with aclosing(events):
            async for event in events:
                yield msgspec.convert(msgspec.to_builtins(event), event_type)

    def _offered(self, operation: str) -> tuple[Plugin, Operation, AskSpec]:
        plugin, declared = self._declared.get(operation, (None, None))
        if plugin is None or declared is None or declared.ask is None:
            raise OperationUnknown(
                f"No installed plugin offers {operation} to others. "
                "Install the plugin that does, or see `skyhook plugins list` for why it is broken."
            )
        return plugin, declared, declared.ask
