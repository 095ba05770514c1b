"""A time is stored as one text, whatever its time zone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from payports.adapters.repositories.common.json_codec import utc_text
from payports.ports.store import StoreFailed

HOUR_TWICE = datetime(2026, 10, 25, 2, 30, tzinfo=ZoneInfo("Europe/Berlin"))


def test_a_time_is_written_in_utc_with_microseconds() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    elsewhere = at.astimezone(timezone(timedelta(hours=5, minutes=30)))
    assert utc_text(at) == utc_text(elsewhere) == "2026-01-02T03:04:05.000000+00:00"


def test_an_hour_that_comes_twice_is_two_times_though_they_are_equal() -> None:
    first, second = HOUR_TWICE, HOUR_TWICE.replace(fold=1)
    assert (first, hash(first)) == (second, hash(second))
    assert utc_text(first) == "2026-10-25T00:30:00.000000+00:00"
    assert utc_text(second) == "2026-10-25T01:30:00.000000+00:00"


def test_a_time_without_a_zone_is_none() -> None:
    with pytest.raises(StoreFailed, match="time zone"):
        utc_text(datetime(2026, 1, 2))  # noqa: DTZ001 -- that is the point
