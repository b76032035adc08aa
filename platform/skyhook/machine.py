"""Whether this process has a machine of its own: one that serves a single call and ends with it."""

from __future__ import annotations

import threading

_owned = threading.Event()


def own_machine() -> None:
    """Says that it does. For what is started on such a machine alone: what trusts this isolates no more."""
    _owned.set()


def has_own_machine() -> bool:
    """Whether the call runs on a machine of its own, without a network, that ends with it."""
    return _owned.is_set()
