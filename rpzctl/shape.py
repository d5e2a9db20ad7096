"""Has this the shape of a feed? What a publisher's bad day looks like, before it is believed."""

from typing import TYPE_CHECKING, NamedTuple

from rpzctl.catalogue import Feed

if TYPE_CHECKING:
    from rpzctl.formats import Parsed

LEAST_SHARE = 50
"""percent of a feed's lines that must give something"""
LEAST_OF_ANNOUNCED = 90
"""percent of the entries that a feed says it has that must be there"""
_HEAD = 2048
_MARKUP = (b"<!doctype", b"<html", b"<?xml", b"<head", b"<body", b"<script")


class Size(NamedTuple):
    """How much of each sort a copy holds, each name once; None: not counted by an older record."""

    names: int = 0
    exceptions: int | None = None
    networks: int | None = None

    @property
    def entries(self) -> int:
        """All together."""
        return self.names + (self.exceptions or 0) + (self.networks or 0)

    def text(self) -> str:
        """Return it for people; what there is none of is left out, but for names alone."""
        more = (("exceptions", self.exceptions), ("networks", self.networks))
        told = [f"{count} {sort}" for sort, count in more if count]
        return ", ".join([f"{self.names} names", *told] if self.names or not told else told)


def size(parsed: "Parsed") -> Size:
    """Return how much of each sort was read. A name that stands there twice is one name."""
    names, allow = parsed.names["name"], parsed.allow["name"]
    return Size(names.n_unique(), allow.n_unique(), len(parsed.networks))


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


def fault_of_names(feed: Feed, parsed: "Parsed", found: Size) -> str | None:
    """Return why what was read, of which `found` is the size, is not believed, or None."""
    if found.entries < feed.min_names:
        first = f", the first {parsed.rejects[0].text!r}" if parsed.rejects else ""
        return (
            f"has {found.text()} in {parsed.lines} lines ({parsed.rejected} rejected{first}); "
            f"at least {feed.min_names} are expected"
        )
    good = parsed.lines - parsed.rejected
    if 100 * good < LEAST_SHARE * parsed.lines:
        return f"only {good} of {parsed.lines} lines are {feed.format}"
    return None


def fault_of_count(feed: Feed, parsed: "Parsed") -> str | None:
    """Return why a copy that says how many entries it has is not believed, or None.

    Publishers count lines, names or pairs of a name and its wildcard: the largest count that could
    be meant is held against what they say.
    """
    if parsed.announced is None or not feed.max_change:
        return None
    found = max(parsed.lines, parsed.entries.height + len(parsed.networks))
    if 100 * found >= LEAST_OF_ANNOUNCED * parsed.announced:
        return None
    return (
        f"says that it has {parsed.announced} entries, and has {found}: cut short? "
        f"To take it: rpzctl sync --accept {feed.name}"
    )


def fault_of_swing(feed: Feed, before: Size, after: Size) -> str | None:
    """Return why a change in size is not believed, or None.

    Names, exceptions and networks are each held against what there were of them, or, if there were
    none, against all that there was: a list of names that excepts thousands overnight swings, too.
    """
    if not before.entries or not feed.max_change:
        return None
    for sort, old, new in zip(Size._fields, before, after, strict=True):
        if old is None or new is None:
            continue
        change = abs(new - old)
        percent = 100 * change / (old or before.entries)
        if change >= feed.min_change and percent > feed.max_change:
            return (
                f"went from {old} to {new} {sort} ({percent:.0f} %, more than "
                f"{feed.max_change} %); to take it: rpzctl sync --accept {feed.name}"
            )
    return None
