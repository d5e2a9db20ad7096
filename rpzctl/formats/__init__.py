"""Readers of feed formats: octets in, names and rejects out. Pure: no network, no clock, no disk.

One module for each family. Needs Polars; import it where feeds are worked on.
"""

from typing import Protocol

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
    return reader(form).read(data, options)


__all__ = ["KEPT_REJECTS", "READERS", "SILENT", "Options", "Parsed", "Reader", "Reject", "read"]
