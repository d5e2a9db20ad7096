"""When a feed may be fetched again: as often as its publisher allows, sooner after a failure."""

from datetime import datetime, timedelta

from rpzctl import times
from rpzctl.catalogue import Feed
from rpzctl.snapshots import Record, asking

FIRST_RETRY = timedelta(minutes=15)
"""after a check that brought no answer; doubled for each further one, up to the interval"""
LONGEST_WAIT = timedelta(days=1)
"""longer than this no Retry-After is believed"""
_SLACK_SHARE = 20
"""a twentieth of the interval: cron starts a second early or late"""
_MOST_SLACK = timedelta(minutes=1)


def due(feed: Feed, record: Record, now: datetime) -> datetime | None:
    """Return when `feed` is due if that is still to come; None if it is due `now`.

    A definition that asks for something else than at the last check is due at once.
    """
    if record.last_checked is None or record.asked != asking(feed):
        return None
    checked = times.parse(record.last_checked)
    if checked > now:  # the clock was set back
        return None
    moments = [times.parse(record.not_before)] if record.not_before else []
    if feed.every is not None:
        every = times.span(feed.every)
        pause = (
            min(every, FIRST_RETRY * 2 ** min(record.failures - 1, 20))
            if record.failures
            else every
        )
        moments.append(checked + pause - min(pause / _SLACK_SHARE, _MOST_SLACK))
    latest = max(moments, default=now)
    return latest if latest > now else None


def not_before(wait: float | None, now: datetime) -> str | None:
    """Return until when a publisher wants to be left alone, who says so for `wait` seconds."""
    if not wait:
        return None
    return times.show(now + min(timedelta(seconds=wait), LONGEST_WAIT))
