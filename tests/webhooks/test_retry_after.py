"""When a delivery that failed is tried again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skyhook.retries import RETRIES, next_attempt
from skyhook.webhooks.retry_after import LONGEST_PAUSE, parse_retry_after

AT = datetime(2026, 5, 1, 12, tzinfo=UTC)


@given(
    st.integers(min_value=1, max_value=len(RETRIES)), st.none() | st.timedeltas(timedelta(0), LONGEST_PAUSE)
)
def test_a_pause_is_never_shorter_than_asked_for(attempts: int, retry_after: timedelta | None) -> None:
    at = next_attempt(attempts, AT, retry_after)
    assert at is not None
    assert 0.9 * RETRIES[attempts - 1] <= at - AT
    assert at - AT >= (retry_after or timedelta(0))
    assert at - AT <= max(1.1 * RETRIES[attempts - 1], retry_after or timedelta(0))


def test_after_the_last_pause_it_is_given_up() -> None:
    assert next_attempt(len(RETRIES) + 1, AT, timedelta(hours=1)) is None


@pytest.mark.parametrize(
    ("header", "wanted"),
    [
        (None, None),
        ("120", timedelta(minutes=2)),
        (" 0 ", timedelta(0)),
        ("9" * 30, LONGEST_PAUSE),
        (format_datetime(AT + timedelta(hours=1), usegmt=True), timedelta(hours=1)),
        (format_datetime(AT - timedelta(hours=1), usegmt=True), timedelta(0)),
        (format_datetime(AT + timedelta(days=9), usegmt=True), LONGEST_PAUSE),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(header: str | None, wanted: timedelta | None) -> None:
    assert parse_retry_after(header, AT) == wanted


@given(
    st.text(max_size=60)
    | st.from_regex(r"Mon, \d{1,2} Jan \d{1,9} \d{2}:\d{2}:\d{2} [+-]\d{1,9}", fullmatch=True)
)
@example("Mon, 01 Jan 0001 00:00:00 +2359")
@example("Mon, 01 Jan 9999 23:59:59 -2359")
@example("Mon, 01 Jan 2026 00:00:00 +99999999")
def test_no_header_of_a_hostile_endpoint_breaks_the_schedule(header: str) -> None:
    pause = parse_retry_after(header, AT)
    assert pause is None or timedelta(0) <= pause <= LONGEST_PAUSE
