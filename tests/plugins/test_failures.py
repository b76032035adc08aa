"""What goes wrong in plugins is kept for a day, without what no caller may see."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from skyhook.clock import now
from skyhook.compute.errors import FunctionReported, FunctionTimeout
from skyhook.database import Database
from skyhook.errors import InvalidInput
from skyhook.operations.request import REQUEST_ID
from skyhook.plugins.failures import KEPT, Failures


async def test_failures_of_one_kind_are_counted_with_the_last_request(
    database: Database, organization: UUID
) -> None:
    failures = Failures(database)
    for number in range(3):
        REQUEST_ID.set(f"request-{number}")
        failures.note(organization, "weather", "weatherForecast", FunctionTimeout("It ran too long."))
        if number == 1:
            await failures.flush()
    await failures.flush()
    (kept,) = await failures.latest(organization, "weather")
    assert (kept.code, kept.message, kept.count) == ("FUNCTION_TIMEOUT", "It ran too long.", 3)
    assert kept.request_id == "request-2"
    assert kept.first_at < kept.last_at


async def test_the_text_of_an_unexpected_error_is_not_kept(database: Database, organization: UUID) -> None:
    failures = Failures(database)
    failures.note(organization, "weather", "weatherForecast", RuntimeError("SELECT secret FROM internals"))
    await failures.flush()
    (kept,) = await failures.latest(organization)
    assert kept.code == "INTERNAL_ERROR"
    assert "secret" not in kept.message


async def test_what_the_caller_did_wrong_is_no_failure(database: Database, organization: UUID) -> None:
    failures = Failures(database)
    failures.note(organization, "weather", "weatherForecast", InvalidInput("No such place."))
    failures.note(organization, "weather", "weatherForecast", FunctionReported("WEATHER_NOWHERE", "x", False))
    failures.note(organization, "weather", "weatherForecast", GeneratorExit())
    await failures.flush()
    assert await failures.latest(organization) == []


async def test_failures_are_of_one_organization_and_end_after_a_day(
    database: Database, organization: UUID
) -> None:
    failures = Failures(database)
    failures.note(organization, "weather", "weatherForecast", FunctionTimeout("x"))
    await failures.flush()
    assert await failures.latest(UUID(int=0)) == []
    assert await failures.latest(organization, "rain") == []
    for seen in await failures.latest(organization):
        seen.last_at = now() - KEPT - timedelta(seconds=1)
        async with database.write() as session:
            await session.merge(seen)
    assert await failures.latest(organization) == []
    failures.note(organization, "weather", "weatherForecast", FunctionTimeout("x"))
    await failures.flush()
    assert [seen.count for seen in await failures.latest(organization)] == [1]
