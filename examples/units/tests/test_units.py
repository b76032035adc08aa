"""Units on a real server."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from skyhook.conformance.testing import PluginServer

CONVERT = """mutation Convert($value: Float!, $unit: String!, $to: String!) {
  unitsConvert(value: $value, unit: $unit, to: $to)
}"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PluginServer]:
    with PluginServer(Path(__file__).parents[1], tmp_path_factory.mktemp("server")) as server:
        yield server


@pytest.mark.parametrize(
    ("value", "unit", "to", "expected"),
    [
        (100.0, "km/h", "m/s", 27.7777777778),
        (20.0, "degC", "degF", 68.0),
        (1.0, "kg*m/s^2", "newton", 1.0),
        (1.0, "mile", "km", 1.609344),
    ],
)
def test_a_quantity_is_converted_and_charged(
    server: PluginServer, value: float, unit: str, to: str, expected: float
) -> None:
    answer = server.graphql(CONVERT, value=value, unit=unit, to=to)
    assert answer["data"]["unitsConvert"] == expected
    assert answer["extensions"]["cost"]["credit"]["charged"] == 1_000


@pytest.mark.parametrize(
    ("unit", "to", "code"),
    [
        ("km", "kg", "UNITS_INCOMPATIBLE"),
        ("furl0ng", "km", "UNITS_UNKNOWN"),
        ("m^9^9^9", "km", "UNITS_UNKNOWN"),
        ("__import__('os')", "km", "UNITS_UNKNOWN"),
    ],
)
def test_what_cannot_be_converted_is_told_and_free(
    server: PluginServer, unit: str, to: str, code: str
) -> None:
    answer = server.graphql(CONVERT, value=1.0, unit=unit, to=to)
    assert answer["errors"][0]["extensions"]["code"] == code


def test_it_keeps_the_contract(server: PluginServer) -> None:
    server.command("plugins", "check", "units")
