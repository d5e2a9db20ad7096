"""Readers of feed formats: octets in, names and rejects out. Pure: no network, no clock, no disk.

One module for each family. Needs Polars; import it where feeds are worked on.
"""

from typing import Protocol

import polars as pl

from rpzctl.formats import (
    abuse_ch,
    adblock,
    csv,
    dnsmasq,
    domains,
    hosts,
    ips,
    json,
    maltrail,
    misp,
    named,
    rpz,
    stix,
    unbound,
    urls,
    wildcard,
)
from rpzctl.formats.parsed import KEPT_REJECTS, SILENT, Options, Parsed, Reject
from rpzctl.names import RESERVED, printable


class Reader(Protocol):
    """A reader of one format."""

    @property
    def name(self) -> str:
        """The name of the format, as a definition says it."""

    @property
    def summary(self) -> str:
        """What it looks like, for people."""

    def read(self, data: bytes, options: Options) -> Parsed:
        """Read a feed. Never raises for what is in it: what cannot be read is a reject."""


READERS: tuple[Reader, ...] = (
    hosts.FORMAT,
    domains.FORMAT,
    wildcard.FORMAT,
    adblock.FORMAT,
    dnsmasq.FORMAT,
    unbound.FORMAT,
    named,
    rpz,
    csv,
    json,
    abuse_ch.THREATFOX,
    abuse_ch.URLHAUS,
    misp,
    stix,
    maltrail.FORMAT,
    urls.FORMAT,
    ips,
)


def reader(form: str) -> Reader:
    """Return the reader of the format named `form`."""
    return next(each for each in READERS if each.name == form)


def read(data: bytes, form: str, options: Options = Options()) -> Parsed:  # noqa: B008 - an immutable value
    """Read a feed in the format named `form`, as a definition names it."""
    return _without_triggers(reader(form).read(data, options), data)


def _without_triggers(parsed: Parsed, data: bytes) -> Parsed:
    """Leave out what reads as a name and would be another trigger in a policy zone.

    The readers' patterns are those of names, whose last label may begin with anything.
    """
    name = pl.col("name")
    if not parsed.entries.select(name.str.contains(f".{RESERVED}", literal=True).any()).item():
        return parsed
    odd = name.str.contains(rf"\.{RESERVED}[^.]*$")
    found = parsed.entries.filter(odd)["name"].to_list()
    reason = "is no name but the syntax of a policy zone for another trigger"
    told = (Reject(_line(data, text), printable(text), reason) for text in found[:KEPT_REJECTS])
    return parsed._replace(
        entries=parsed.entries.filter(~odd),
        rejects=(*parsed.rejects, *told)[:KEPT_REJECTS],
        rejected=parsed.rejected + len(found),
    )


def _line(data: bytes, text: str) -> int:
    """Return the number of the first line that has `text` in it, in any case; 1 if none has.

    Looked for in the first MiB alone: a hostile list may have a thousand at its end.
    """
    begin = data[: 1 << 20].lower()
    return begin[: max(begin.find(text.encode()), 0)].count(b"\n") + 1


__all__ = ["KEPT_REJECTS", "READERS", "SILENT", "Options", "Parsed", "Reader", "Reject", "read"]
