"""Usage by every dimension, as the address asks for it."""

from __future__ import annotations

import asyncio
import csv
import io
import re
from datetime import UTC, datetime, timedelta
from html import unescape
from uuid import UUID

import httpx
import pytest
from sqlalchemy import select
from tests.serving import Server

from skyhook.accounts.models import Organization
from skyhook.clock import new_id
from skyhook.database import Database
from skyhook.usage.recording import Usage, record

USAGE = "/console/o/first/usage"
STRANGER = UUID("01990000-0000-7000-8000-000000000001")
"""A key that was deleted: it is told by its id."""
FIRST = datetime(2026, 3, 30, tzinfo=UTC)


def call(organization: UUID, day: int, operation: str, cost: int, model: str | None = None) -> Usage:
    return Usage(
        id=new_id(),
        organization_id=organization,
        key_id=STRANGER if model else None,
        user_id=None,
        plugin="probe" if operation.startswith("probe") else "other",
        operation=operation,
        model=model,
        quantities={f"{operation}.words": (2, cost)},
        cost=cost,
        outcome="completed",
        started_at=FIRST + timedelta(days=day, hours=day),
        duration_ms=1,
    )


async def use(server: Server) -> None:
    """Three days of long ago: 8 calls of 7 operations."""
    database = Database(f"sqlite:///{server.data}/skyhook.db")
    async with database.write() as session:
        organization = await session.scalar(select(Organization.id).where(Organization.slug == "first"))
        assert organization
        usages = [call(organization, number % 3, f"other{number}", 10**7 * number) for number in range(1, 6)]
        usages += [call(organization, 2, "probeOne", 10**9, "small"), call(organization, 0, "probeTwo", 500)]
        usages.append(call(organization, 0, "probeOne", 10**9, "=large"))
        await (await session.connection()).run_sync(record, usages, {})
    await database.close()


@pytest.fixture(scope="module")
def used(server: Server) -> None:
    asyncio.run(use(server))


TIME = "period=days&from=2026-03-30&to=2026-04-01"


def rows(client: httpx.Client, query: str) -> list[dict[str, str]]:
    answer = client.get(f"{USAGE}.csv?{TIME}&{query}")
    assert answer.status_code == 200
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.usefixtures("used")
@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("by=day", {"2026-03-30": 3, "2026-03-31": 2, "2026-04-01": 3}),
        ("by=plugin", {"other": 5, "Probe": 3}),
        ("by=operation&plugin=probe", {"probeOne": 2, "probeTwo": 1}),
        ("by=model", {"small": 1, "'=large": 1, "no model": 6}),
        ("by=key", {str(STRANGER): 2, "no key": 6}),
        ("by=member", {"no member": 8}),
        ("by=day&model=small", {"2026-04-01": 1}),
        (f"by=operation&key={STRANGER}", {"probeOne": 2}),
        ("by=plugin&key=-&model=-&operation=probeTwo", {"Probe": 1}),
        ("by=day&member=01990000-0000-7000-8000-000000000002", {}),
        ("by=plugin&plugin=probe&operation=chatComplete", {"Probe": 3}),  # that is none of this plugin's
    ],
)
def test_usage_is_told_apart_and_filtered(client: httpx.Client, query: str, told: dict[str, int]) -> None:
    by = query.partition("&")[0].removeprefix("by=")
    found = {row[by]: int(row["calls"]) for row in rows(client, query)}
    assert found == told


@pytest.mark.usefixtures("used")
def test_the_chart_tells_each_days_numbers_by_group_and_the_table_the_sums(client: httpx.Client) -> None:
    page = unescape(client.get(f"{USAGE}?{TIME}&by=operation").text)
    assert "<strong>$2.1500005</strong> for <strong>8</strong> calls in 3 days" in page
    days = re.findall(r"<title>(2026-[^<]+)</title>", page)
    assert days == [
        "2026-03-30: $1.0300005 (probeOne $1.00, other3 $0.03, 2 others $0.0000005)",
        "2026-03-31: $0.05 (other4 $0.04, 2 others $0.01)",
        "2026-04-01: $1.07 (probeOne $1.00, other5 $0.05, other2 $0.02)",
    ]
    named = re.findall(r'<th scope="row"><a href="[^"]+">([^<]+)</a></th>', page)
    assert named == ["probeOne", "other5", "other4", "other3", "other2", "other1", "probeTwo"]
    assert "93.0 %" in page
    calls = client.get(f"{USAGE}?{TIME}&by=operation&show=calls").text
    assert "2026-03-31: 2 (other4 1, 2 others 1)" in unescape(calls)


@pytest.mark.usefixtures("used")
def test_a_name_in_the_table_leads_to_its_own_days(client: httpx.Client) -> None:
    page = client.get(f"{USAGE}?{TIME}&by=model").text
    link = re.search(r'<a href="([^"]+)">=large</a>', page)
    assert link
    page = client.get(unescape(link[1])).text
    assert "for <strong>1</strong> call in 3 days" in page
    clear = re.search(r'<a href="([^"]+)">Clear filters</a>', page)
    assert clear
    assert "for <strong>8</strong> calls in 3 days" in client.get(unescape(clear[1])).text


@pytest.mark.usefixtures("used")
def test_a_csv_has_a_row_for_each_day_where_it_is_asked_for(client: httpx.Client) -> None:
    found = rows(client, "by=plugin&each=day&operation=probeOne")
    assert [(row["day"], row["plugin"], row["cost_nano_usd"]) for row in found] == [
        ("2026-03-30", "Probe", "1000000000"),
        ("2026-04-01", "Probe", "1000000000"),
    ]
    assert found[0]["probeOne.words"] == "2"


@pytest.mark.usefixtures("used")
def test_the_address_says_what_is_shown_and_nothing_more(client: httpx.Client) -> None:
    query = "period=30&from=2026-01-01&to=2026-01-02&by=day&plugin=&model="
    answer = client.get(f"{USAGE}?{query}", headers={"HX-Request": "true"})
    assert answer.headers["hx-push-url"] == f"{USAGE}?period=30&by=day"


@pytest.mark.usefixtures("used")
def test_what_was_not_used_is_told_with_a_way_back(client: httpx.Client) -> None:
    page = client.get(f"{USAGE}?period=days&from=2020-01-01&to=2020-01-02").text
    assert "Nothing was used in this time." in page
    assert "Clear filters" in client.get(f"{USAGE}?{TIME}&plugin=nothing").text


@pytest.mark.parametrize(
    ("query", "told"),
    [
        ("period=5", "Choose one of"),
        ("by=colour", "Choose one of"),
        ("show=love", "Choose one of"),
        ("key=mine", "There is no such key"),
        ("period=days&from=soon", "Write a day"),
        ("period=days&from=2026-02-02&to=2026-02-01", "lies after the last one"),
        ("period=days&from=2020-02-02&to=2026-02-01", "366 days at most"),
    ],
)
def test_what_makes_no_sense_is_told_in_the_page(client: httpx.Client, query: str, told: str) -> None:
    answer = client.get(f"{USAGE}?{query}")
    assert answer.status_code == 400
    assert told in answer.text
    assert 'id="period"' in answer.text
    assert client.get(f"{USAGE}.csv?{query}").status_code == 400
