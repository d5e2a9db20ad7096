"""When a feed is due: never more often than its publisher allows, whatever cron does."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpzctl import interval, snapshots, times
from rpzctl.catalogue import Feed
from rpzctl.fetch import Fetched
from rpzctl.snapshots import Record

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def feed(**keys: str) -> Feed:
    values = {"file": Path("/x.toml"), "name": "x", "format": "hosts", "zone": "x"}
    return Feed.of({**values, "url": "https://feed.example/list", **keys})


def checked(of: Feed, fetched: Fetched, record: Record = Record(), at: datetime = NOW) -> Record:  # noqa: B008 - an immutable value
    later = interval.not_before(fetched.wait, at)
    return snapshots.checked(of, record, fetched, times.show(at), later)


def pause(of: Feed, record: Record) -> timedelta:
    """Return how long after the check the feed is due."""
    due = interval.due(of, record, NOW)
    return due - NOW if due else timedelta(0)


SAME = Fetched(unchanged=True, served=True)


def test_a_feed_that_was_never_checked_is_due() -> None:
    assert interval.due(feed(every="1d"), Record(), NOW) is None


def test_a_feed_without_an_interval_is_always_due() -> None:
    assert interval.due(feed(), checked(feed(), SAME), NOW) is None


@pytest.mark.parametrize(
    ("every", "seconds"), [("5m", 285), ("1h", 3540), ("1d", 86_340), ("1m", 57)]
)
def test_the_interval_holds_but_for_the_jitter_of_cron(every: str, seconds: int) -> None:
    daily = feed(every=every)
    assert timedelta(seconds=seconds) == pause(daily, checked(daily, SAME))
    then = NOW + timedelta(seconds=seconds)
    assert interval.due(daily, checked(daily, SAME), then) is None


def test_a_changed_definition_is_due_at_once() -> None:
    before = checked(feed(every="1d"), SAME)
    for keys in ({"url": "https://else.example/"}, {"format": "domains"}, {"member": "x"}):
        assert interval.due(feed(every="1d", **keys), before, NOW) is None, keys
    assert interval.due(feed(every="12h"), before, NOW) is not None
    failing = checked(feed(every="1d", url="https://else.example/"), Fetched(fault="no"), before)
    assert interval.due(feed(every="1d", url="https://else.example/"), failing, NOW), "but once"


def test_after_failures_it_is_asked_sooner_and_ever_less() -> None:
    daily = feed(every="1d")
    record, pauses = Record(), []
    for _ in range(9):
        record = checked(daily, Fetched(fault="HTTP status 500"), record)
        pauses.append(pause(daily, record).total_seconds())
    assert [855, 1740, 3540, 7140, 14_340, 28_740, 57_540, 86_340, 86_340] == pauses
    assert 0 == checked(daily, SAME, record).failures


def test_failures_never_shorten_a_short_interval() -> None:
    often = feed(every="5m")
    assert timedelta(seconds=285) == pause(often, checked(often, Fetched(fault="no")))


def test_a_whole_answer_that_is_not_believed_waits_the_whole_interval() -> None:
    daily = feed(every="1d")
    shrunk = checked(daily, Fetched(fault="went from 400 to 8 names", served=True))
    assert timedelta(seconds=86_340) == pause(daily, shrunk)


def test_a_publisher_who_wants_to_be_left_alone_is_for_a_day_at_most() -> None:
    always = feed()
    assert timedelta(hours=2) == pause(always, checked(always, Fetched(fault="429", wait=7200.0)))
    forever = checked(always, Fetched(fault="429", wait=10.0**8))
    assert timedelta(days=1) == pause(always, forever)


def test_a_clock_that_was_set_back_makes_it_due() -> None:
    daily = feed(every="1d")
    ahead = checked(daily, SAME, at=NOW + timedelta(days=300))
    assert interval.due(daily, ahead, NOW) is None


@given(
    minutes=st.integers(1, 20_000),
    failures=st.integers(0, 10**6),
    wait=st.none() | st.floats(0, 10**9),
)
def test_it_is_always_due_at_last(minutes: int, failures: int, wait: float | None) -> None:
    some = feed(every=f"{minutes}m")
    record = checked(some, Fetched(fault="no", wait=wait), Record(failures=failures))
    due = interval.due(some, record, NOW)
    assert due is None or due <= NOW + max(timedelta(minutes=minutes), timedelta(days=1))
    assert interval.due(some, record, NOW + timedelta(minutes=minutes, days=1)) is None
