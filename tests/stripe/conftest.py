"""A Stripe of the test's own, and the SDK that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import stripe
from tests.stripe.server import SECRET_KEY, StandIn


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    """A running stand-in."""
    with StandIn() as running:
        yield running


@pytest.fixture
def client(stand_in: StandIn) -> stripe.StripeClient:
    """The SDK with the stand-in's address; it tries nothing again by itself."""
    return stripe.StripeClient(SECRET_KEY, base_addresses={"api": stand_in.address}, max_network_retries=0)
