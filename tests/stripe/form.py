"""Stripe's form encoding, read: `a[b][0][c]=1` becomes `{"a": {"b": [{"c": "1"}]}}`."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from tests.stripe.errors import invalid

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")


def decoded(text: str) -> dict[str, Any]:
    """The parameters of a form or of a query; each value is text, a list or a dictionary."""
    parameters: dict[str, Any] = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        found = _NAME.match(name)
        if found is None:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        steps = [found[1], *re.findall(r"\[([^\[\]]*)\]", found[2])]
        _put(parameters, steps, value)
    return {name: _listed(value) for name, value in parameters.items()}


def _put(into: dict[str, Any], steps: list[str], value: str) -> None:
    for step, following in zip(steps, [*steps[1:], None], strict=True):
        name = step or str(len(into))
        if following is None:
            into[name] = value
        else:
            into = into.setdefault(name, {})


def _listed(value: Any) -> Any:
    """The same with dictionaries of places 0, 1, 2 as lists."""
    if not isinstance(value, dict):
        return value
    inner = {name: _listed(one) for name, one in value.items()}
    return list(inner.values()) if all(name.isdigit() for name in inner) else inner


def whole(parameters: dict[str, Any], name: str) -> int:
    """A parameter that must be a whole number."""
    text = str(parameters.get(name, ""))
    if not re.fullmatch(r"-?\d+", text):
        raise invalid(f"Invalid integer: {text}", param=name, code="parameter_invalid_integer")
    return int(text)


def true(value: Any) -> bool:
    """Whether a parameter says yes."""
    return str(value).lower() == "true"
