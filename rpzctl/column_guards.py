"""The guards on columns: what no feed may block, found in millions of names at once."""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import polars as pl

from rpzctl.guards import Protected, Stop
from rpzctl.names import Domain, ancestors
from rpzctl.ranges import JOINT, ranges_of, rows_of
from rpzctl.suffixes import Suffixes

KEPT_STOPS = 1000
"""so many names that a guard took out are kept by name; all are counted"""


class Judges(NamedTuple):
    """What feeds are held against."""

    suffixes: Suffixes
    protected: Protected
    top_sites: frozenset[str] = frozenset()
    """sites that no threat feed may block"""


class Judged(NamedTuple):
    """What the guards left, and what they took out."""

    frame: pl.DataFrame
    stops: tuple[Stop, ...] = ()
    stopped: int = 0
    told: tuple[Stop, ...] = ()
    fates: tuple[tuple[str, pl.Series], ...] = ()
    """the name of a guard, and the numbers of the rows of which it left nothing"""


class _Hit(NamedTuple):
    place: int
    entry: str
    itself: bool
    """the row's own name is guarded; else the row is wide and above the guarded name"""


def guard(frame: pl.DataFrame, judges: Judges, threats: int) -> Judged:
    """Take out what feeds say of public suffixes, protected names, and top sites (threat feeds).

    `frame` has row, name, key, and which feeds list the name (exact) and what is below it (below),
    and is sorted by key; `threats` is the mask of the threat feeds. Each feed is judged for what it
    says: where one lists the name alone and another all below it, too, and something below is
    guarded, the other's word alone does not count.
    """
    left: dict[int, tuple[int, int]] = {}
    stops: dict[int, Stop] = {}
    told = []
    exact, below = frame["exact"], frame["below"]

    def said(place: int) -> tuple[int, int]:
        return left.get(place) or (int(exact[place]), int(below[place]))

    for place in _suffix_places(frame, judges.suffixes):
        left[place] = (0, 0)
        stops[place] = Stop("public-suffix", frame["name"][place], "is a public suffix")
    for place, entry, itself in _hits(frame, judges.protected.names, below=True):
        itself_by, below_by = said(place)
        left[place] = (0, 0) if itself else (itself_by & ~below_by, 0)
        why = f"would take away {entry}, which is protected"
        stops.setdefault(place, Stop("protected", frame["name"][place], why))
    tops = {Domain(name): "" for name in judges.top_sites}
    for place, entry, itself in _hits(frame, tops, below=False):
        itself_by, below_by = said(place)
        refused = threats & (itself_by | below_by if itself else below_by)
        stop = Stop("top-site", frame["name"][place], f"would take away {entry}, a top site")
        if refused:
            stops.setdefault(place, stop)
            left[place] = (itself_by & ~refused, below_by & ~refused)
        if (itself_by | below_by if itself else below_by) & ~refused:
            told.append(stop)
    if not left:
        return Judged(frame, told=tuple(told[:KEPT_STOPS]))
    places = sorted(left)
    frame = frame.with_columns(
        exact=exact.scatter(places, pl.Series([left[p][0] for p in places], dtype=pl.UInt64)),
        below=below.scatter(places, pl.Series([left[p][1] for p in places], dtype=pl.UInt64)),
    )
    gone = [place for place in places if left[place] == (0, 0)]
    fates = tuple(
        (word, frame["row"].gather([place for place in gone if stops[place].guard == word]))
        for word in dict.fromkeys(stops[place].guard for place in gone)
    )
    kept = frame.filter(pl.col("exact") | pl.col("below") > 0)
    return Judged(
        kept,
        tuple(stops[place] for place in sorted(stops)[:KEPT_STOPS]),
        len(stops),
        tuple(told[:KEPT_STOPS]),
        fates,
    )


def _suffix_places(frame: pl.DataFrame, suffixes: Suffixes) -> set[int]:
    """Return where in `frame` public suffixes are: a few thousand searches, no test of each row."""
    keys = frame["key"]
    plain, wildcard, exception = suffixes.rules
    single = keys.str.contains(JOINT, literal=True).not_().arg_true().to_list()
    places = {*single, *rows_of(keys, plain | wildcard).values()}
    for rule, (start, end) in zip(wildcard, ranges_of(keys, wildcard), strict=True):
        level = rule.count(".") + 1  # `*.ck` makes foo.ck a suffix, but not www.foo.ck
        places.update(
            place
            for place in range(start, end)
            if keys[place].count(JOINT) == level and frame["name"][place] not in exception
        )
    return places


def _hits(frame: pl.DataFrame, guarded: Mapping[Domain, str], *, below: bool) -> Iterator[_Hit]:
    """Give the rows whose block takes a `guarded` name away; each row may come more than once.

    With `below`, what is below a guarded name is guarded, too.
    """
    keys = frame["key"]
    if below:
        ranges = ranges_of(keys, guarded, itself=True)
        for entry, (start, end) in zip(guarded, ranges, strict=True):
            for place in range(start, end):
                yield _Hit(place, entry, itself=True)
    else:
        for name, place in rows_of(keys, guarded).items():
            yield _Hit(place, name, itself=True)
    above = {parent: entry for entry in guarded for parent in ancestors(entry)}
    for parent, place in rows_of(keys, above).items():
        if frame["below"][place]:
            yield _Hit(place, above[Domain(parent)], itself=False)
