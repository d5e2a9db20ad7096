"""When something is due by itself: a feed is to be fetched, a rule or an entry expires."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from rpzctl import feed_groups, interval, times
from rpzctl.book import Book
from rpzctl.catalogue import Feed
from rpzctl.run import Run

OFTEN = timedelta(minutes=5)
"""how often a feed is asked for whose definition does not say `every`"""


def moment(run: Run, feeds: Mapping[str, Feed], book: Book) -> datetime | None:
    """Return the first moment after that of the run at which one more sync would do something.

    None: nothing is to come.
    """
    return min((m for m in _moments(run, feeds, book) if m > run.now), default=None)


def _moments(run: Run, feeds: Mapping[str, Feed], book: Book) -> Iterator[datetime]:
    for rule in book.rules:
        if rule.expires is not None:
            yield rule.expires
    store = feed_groups.snapshots(run.config)
    for feed in feeds.values():
        if not feed.enabled:
            continue
        record = store.record(feed.name)
        yield interval.due(feed, record, run.now) or run.now + OFTEN
        if record.expires:
            yield times.parse(record.expires)
        if feed.max_age and record.last_ok:
            yield times.parse(record.last_ok) + times.span(feed.max_age)
