"""Moments as people and files write them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest

from rpzctl import times

NOW = datetime(2026, 11, 24, 3, 0, 0, 123456, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("30m", datetime(2026, 11, 24, 3, 30, tzinfo=UTC)),
        ("30 min", datetime(2026, 11, 24, 3, 30, tzinfo=UTC)),
        (" 12h ", datetime(2026, 11, 24, 15, 0, tzinfo=UTC)),
        ("7d", datetime(2026, 12, 1, 3, 0, tzinfo=UTC)),
        ("7D", datetime(2026, 12, 1, 3, 0, tzinfo=UTC)),
        ("2w", datetime(2026, 12, 8, 3, 0, tzinfo=UTC)),
        ("2026-12-31", datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2026-11-24", datetime(2026, 11, 24, 23, 59, 59, tzinfo=UTC)),
        ("2026-12-31T18:00Z", datetime(2026, 12, 31, 18, 0, tzinfo=UTC)),
        ("2026-12-31T18:00", datetime(2026, 12, 31, 18, 0, tzinfo=UTC)),
        ("2026-12-31T18:00:00+02:00", datetime(2026, 12, 31, 16, 0, tzinfo=UTC)),
    ],
)
def test_an_expiry_is_a_span_a_date_or_a_time(text: str, expected: datetime) -> None:
    assert expected == times.expiry(text, NOW)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is no expiry"),
        ("soon", "is no expiry"),
        ("7", "is no expiry"),
        ("0d", "is no expiry"),
        ("-7d", "is no expiry"),
        ("7y", "is no expiry"),
        ("2026-13-01", "is no expiry"),
        ("2026-02-30", "is no expiry"),
        ("31.12.2026", "is no expiry"),
        ("\u0667d", "is no expiry"),
        ("999999w", "further away than dates go"),
        ("2026-11-23", "has passed"),
        ("2026-11-24T03:00:00Z", "has passed"),
        ("1999-12-31", "has passed"),
    ],
)
def test_what_is_no_expiry_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        times.expiry(text, NOW)


@pytest.mark.parametrize("text", ["9999-12-31T23:59:59-05:00", "0001-01-01T00:00:00+05:00"])
def test_a_moment_that_utc_cannot_hold_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        times.parse(text)
    with pytest.raises(ValueError, match=r"."):
        times.expiry(text, NOW)


@pytest.mark.parametrize("text", ["20261231", "2026-W53-4", "2026W534"])
def test_a_date_that_is_not_rfc_3339_is_not_taken_for_the_start_of_its_day(text: str) -> None:
    try:
        moment = times.parse(text)
    except ValueError:
        return
    assert datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC) == moment


def test_what_is_shown_reads_back() -> None:
    shown = times.show(NOW)
    assert shown == "2026-11-24T03:00:00Z"
    assert NOW.replace(microsecond=0) == times.parse(shown)
    elsewhere = NOW.astimezone(timezone(timedelta(hours=-8)))
    assert shown == times.show(elsewhere)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5, "0 s"),
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (3599, "59 min"),
        (3600, "1 h"),
        (86399, "23 h"),
        (86400, "1 d"),
        (86400 * 400, "400 d"),
    ],
)
def test_age_is_told_in_the_largest_whole_unit(seconds: int, expected: str) -> None:
    now = NOW.replace(microsecond=0)
    assert expected == times.age(times.show(now - timedelta(seconds=seconds)), now)
