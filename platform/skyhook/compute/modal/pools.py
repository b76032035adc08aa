"""The containers of a function whose calls are kept apart by a field of their argument, such as a model.

Modal starts, keeps and ends the containers of each pool by themselves. A function without that mark has one.
"""

from __future__ import annotations

from typing import Any

import modal

from skyhook.compute.modal.naming import APP, class_name
from skyhook.function import FunctionSpec


class Pools:
    """A function's class on Modal by its pools, over one connection."""

    def __init__(self, spec: FunctionSpec, client: Any) -> None:
        """`client` is Modal's, or None for that of the process."""
        self._class = modal.Cls.from_name(APP, class_name(spec.name), client=client)
        self._instances: dict[str | None, Any] = {}

    def instance(self, pool: str | None) -> Any:
        """What calls of a pool are made of; the function's one pool is None."""
        if pool not in self._instances:
            self._instances[pool] = self._class() if pool is None else self._class(pool=pool)
        return self._instances[pool]
