"""What a reader makes of a feed, and how it says so."""

from collections import Counter
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from rpzctl.names import printable

KEPT_REJECTS = 1000
"""so many rejects of a feed are kept; all are counted"""
SILENT = 0
"""scope of a name of which the format does not say whether what is below it is meant, too"""
SCHEMA = {"name": pl.String, "scope": pl.UInt8, "allow": pl.Boolean}


class Entry(NamedTuple):
    """A name that a feed lists: a lower-case A-label without a final dot, what of it is meant."""

    name: str
    scope: int = SILENT
    """`SILENT` or of `rpzctl.rpz.BITS`"""
    allow: bool = False
    """an exception: no feed may block it"""


class Reject(NamedTuple):
    """A line that gives no name though it should: its number from 1, its text, and why."""

    line: int
    text: str
    """safe to print"""
    reason: str


class Options(NamedTuple):
    """What a feed's definition says of its format; each format uses what it knows."""

    column: str | int | None = None
    """csv: the column with the names, by its header or its number from 1"""
    type_column: str | int | None = None
    """csv: the column that says what a row is"""
    types: tuple[str, ...] = ()
    """csv, json: rows whose type is one of these; empty: all"""
    path: str = ""
    """json: keys to the list, with dots: ``data.items``"""
    field: str = ""
    """json: the key of the name in each item of the list"""
    type_field: str = ""
    """json: the key of the type"""
    delimiter: str = ","
    """csv"""
    whole_hosts: bool = False
    """urls and formats that hold URLs: block the host even if the URL has a path"""
    to_ids: bool = True
    """misp: only attributes that are meant for detection"""
    now: int = 0
    """seconds since 1970 (UTC): what has expired by then is skipped; 0: nothing has"""


class Parsed(NamedTuple):
    """What a reader made of a feed."""

    entries: pl.DataFrame
    """`SCHEMA`; in the feed's order where that costs nothing, perhaps more than once"""
    networks: tuple[str, ...] = ()
    """canonical addresses and prefixes (``192.0.2.0/24``), sorted, each once"""
    rejects: tuple[Reject, ...] = ()
    """at most `KEPT_REJECTS`"""
    rejected: int = 0
    """how many lines or items gave no name though they should"""
    skipped: Mapping[str, int] = MappingProxyType({})
    """how many were understood and block nothing, by reason"""
    lines: int = 0
    """how many lines or items are neither blank nor comments"""
    announced: int | None = None
    """how many entries the feed itself says that it has"""
    expires: int | None = None
    """seconds since 1970 (UTC) at which the first of the entries expires; None: none ever does"""

    @property
    def names(self) -> pl.DataFrame:
        """The names that are blocked."""
        if not self.entries["allow"].any():  # as a rule: what needs no copy
            return self.entries
        return self.entries.filter(~pl.col("allow"))

    @property
    def allow(self) -> pl.DataFrame:
        """The names that are excepted."""
        return self.entries.filter("allow")

    def value(self, form: str) -> dict[str, object]:
        """Return it as a JSON-ready document: names sorted, each once."""
        names, allow = (
            frame["name"].unique().sort().to_list() for frame in (self.names, self.allow)
        )
        return {
            "format": form,
            "names": names,
            "allow": allow,
            "networks": list(self.networks),
            "rejects": [reject._asdict() for reject in self.rejects],
            "rejected": self.rejected,
            "skipped": dict(sorted(self.skipped.items())),
            "announced": self.announced,
        }


def frame(entries: Iterable[Entry]) -> pl.DataFrame:
    """Return `entries` as columns."""
    return pl.DataFrame(list(entries), schema=SCHEMA, orient="row")


class Gathered:
    """What a reader that works item by item has found so far."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.networks: set[str] = set()
        self.rejects: list[Reject] = []
        self.rejected = 0
        self.skipped: Counter[str] = Counter()
        self.lines = 0
        self.announced: int | None = None
        self.expires: int | None = None

    def reject(self, line: int, text: str, reason: str) -> None:
        """Record that the item on `line`, which says `text`, gives no name, and why."""
        self.rejected += 1
        if len(self.rejects) < KEPT_REJECTS:
            self.rejects.append(Reject(line, printable(text), reason))

    def skip(self, reason: str) -> None:
        """Record that an item was understood and blocks nothing."""
        self.skipped[reason] += 1

    def parsed(self) -> Parsed:
        """Return what was found."""
        from rpzctl.formats.networks import ordered

        return Parsed(
            frame(self.entries),
            ordered(self.networks),
            tuple(self.rejects),
            self.rejected,
            dict(self.skipped),
            self.lines,
            self.announced,
            self.expires,
        )
