"""Has this the shape of a feed? What a publisher's bad day looks like, before it is believed."""

from typing import NamedTuple

from rpzctl.catalogue import Feed
from rpzctl.formats import Parsed

LEAST_SHARE = 50
"""percent of a feed's lines that must give a name"""
_HEAD = 2048
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<script")


class Swing(NamedTuple):
    """How far a feed's number of names moved."""

    before: int
    after: int

    @property
    def percent(self) -> float:
        """By how many percent of the number before."""
        return 100 * abs(self.after - self.before) / self.before if self.before else 0.0


FLOOR = 100
"""a change by fewer names than this is no swing"""


def fault_of_octets(data: bytes) -> str | None:
    """Return why `data` cannot be a list, or None: empty, a page, a pointer, binary."""
    head = data[:_HEAD].lstrip(b"\xef\xbb\xbf \t\r\n")
    if not head:
        return "is empty"
    if head.lower().startswith(_MARKUP):
        return "is a web page, not a list"
    if head.startswith(b"version https://git-lfs"):
        return "is a Git LFS pointer, not the list"
    if b"\0" in data:
        return "is binary"
    return None


def fault_of_names(feed: Feed, parsed: Parsed) -> str | None:
    """Return why what was read is not believed, or None."""
    count = parsed.names.height
    if count < feed.min_names:
        first = f", the first {parsed.rejects[0].text!r}" if parsed.rejects else ""
        return (
            f"has {count} names in {parsed.lines} lines ({parsed.rejected} rejected{first}); "
            f"at least {feed.min_names} are expected"
        )
    good = parsed.lines - parsed.rejected
    if 100 * good < LEAST_SHARE * parsed.lines:
        return f"only {good} of {parsed.lines} lines are {feed.format}"
    return None


def fault_of_swing(feed: Feed, before: int, after: int) -> str | None:
    """Return why a change in size is not believed, or None."""
    swing = Swing(before, after)
    if not before or not feed.max_change or abs(after - before) < FLOOR:
        return None
    if swing.percent <= feed.max_change:
        return None
    return (
        f"went from {before} to {after} names ({swing.percent:.0f} %, more than "
        f"{feed.max_change} %); to take it: rpzctl sync --accept {feed.name}"
    )
