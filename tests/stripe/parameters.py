"""Which parameters Stripe takes, by the types of its own SDK: a wrong name fails in tests too."""

from __future__ import annotations

import importlib
import typing
from collections.abc import Mapping
from functools import cache
from types import UnionType
from typing import Any, get_args, get_origin, get_type_hints

from tests.stripe.errors import invalid

_OF_THE_CLIENT = {
    "api_key", "stripe_version", "stripe_account", "stripe_context", "max_network_retries", "idempotency_key",
    "content_type", "headers",
}  # fmt: skip

_UNIMPORTED = {"StripeContext": Any, "Mapping": Mapping}


def check(name: str, asked: dict[str, Any]) -> None:
    """Refuses what a request may not hold; `name` is the SDK's class: `checkout.SessionCreateParams`."""
    module, _, kind = f"stripe.params.{name}".rpartition(".")
    _check(getattr(importlib.import_module(module), kind), asked, "")


def _check(kind: type, asked: dict[str, Any], at: str) -> None:
    fields = _fields(kind)
    for name, value in asked.items():
        where = f"{at}[{name}]" if at else name
        if name not in fields:
            raise invalid(f"Received unknown parameter: {where}", param=where, code="parameter_unknown")
        inner = _typed_dict(fields[name])
        if inner is not None:
            for one in value if isinstance(value, list) else [value]:
                if isinstance(one, dict):
                    _check(inner, one, where)
    for name in getattr(kind, "__required_keys__", ()):
        if name not in asked:
            where = f"{at}[{name}]" if at else name
            raise invalid(f"Missing required param: {where}.", param=where, code="parameter_missing")


@cache
def _fields(kind: type) -> dict[str, Any]:
    return {
        name: hint
        for name, hint in get_type_hints(kind, localns=_UNIMPORTED).items()
        if name not in _OF_THE_CLIENT
    }


def _typed_dict(hint: Any) -> type | None:
    """The TypedDict in a hint like `NotRequired[List[X] | Literal[""]]`."""
    if hasattr(hint, "__required_keys__"):  # of typing, or of typing_extensions
        return hint  # type: ignore[no-any-return]
    if get_origin(hint) in {typing.Union, UnionType, list, typing.NotRequired, typing.Required}:
        for one in get_args(hint):
            if (found := _typed_dict(one)) is not None:
                return found
    return None
