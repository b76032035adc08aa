"""What resolvers know of a request."""

from __future__ import annotations

import asyncio

import pytest

from skyhook.errors import InvalidInput, Unauthenticated
from skyhook.graphql.context import Context, idempotency_key

from .example import CALLER, Services, load_squares


def context(**given: object) -> Context:
    values: dict[str, object] = {
        "caller": CALLER,
        "request_id": "r",
        "client_address": "::1",
        "services": Services(),
    }
    return Context(**{**values, **given})  # type: ignore[arg-type]


def test_the_caller_is_there_or_the_request_is_refused() -> None:
    assert context().caller is CALLER
    assert context(caller=None).caller_or_none is None
    with pytest.raises(Unauthenticated, match="Authorization: Bearer"):
        _ = context(caller=None).caller


async def test_a_loader_is_one_for_each_request() -> None:
    one, two = context(), context()
    assert one.loader(load_squares) is one.loader(load_squares)
    assert one.loader(load_squares) is not two.loader(load_squares)
    results = await asyncio.gather(*(one.loader(load_squares).load(key) for key in (1, 2, 1)))
    assert results == [1, 4, 1]
    assert one.services.loads == [[1, 2]]
    one.forget_loaded()
    await one.loader(load_squares).load(1)
    assert one.services.loads == [[1, 2], [1]]


@pytest.mark.parametrize("value", [None, "a", "0193-uuid", "x" * 255, "with space"])
def test_a_printable_idempotency_key_is_taken(value: str | None) -> None:
    assert idempotency_key(value) == value


@pytest.mark.parametrize("value", ["", "x" * 256, "tab\t", "é", "nul\0"])
def test_another_idempotency_key_is_refused(value: str) -> None:
    with pytest.raises(InvalidInput):
        idempotency_key(value)
