"""Scalars beyond GraphQL's own. `DateTime`, `JSON`, `UUID` and `ID` are Strawberry's."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any, NewType

import strawberry
from graphql import GraphQLError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

__all__ = ["JSON", "SCALARS", "BigInt", "DateTime"]

BigInt = NewType("BigInt", int)
"""An integer of up to 64 bits, such as an amount in nano-dollars."""

DateTime = datetime
"""A time with its zone, as ISO 8601."""

_LIMIT = 2**63
_DECIMAL = re.compile(r"-?[0-9]{1,19}\Z")


def _serialize(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, int) or not -_LIMIT <= value < _LIMIT:
        raise TypeError(f"BigInt cannot represent {value!r}")
    return str(value)


def _parse(value: Any) -> int:
    if isinstance(value, str) and _DECIMAL.match(value):
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not -_LIMIT <= value < _LIMIT:
        raise GraphQLError("BigInt takes an integer of up to 64 bits, as a number or as a decimal string.")
    return value


SCALARS: dict[object, ScalarDefinition] = {
    BigInt: strawberry.scalar(
        name="BigInt",
        description=(
            "An integer of up to 64 bits. Answers carry it as a decimal string, since JSON numbers lose "
            "digits above 2^53 in many languages; arguments may be a number or a decimal string."
        ),
        serialize=_serialize,
        parse_value=_parse,
    )
}
