"""The guards on columns: what no feed may block, found in millions of names at once."""

from collections.abc import Mapping
from typing import NamedTuple

import polars as pl

from rpzctl.guards import Protected, Stop
from rpzctl.names import Domain, ancestors
from rpzctl.ranges import JOINT, ranges_of, rows_of
from rpzctl.rpz import BITS, Scope
from rpzctl.suffixes import Suffixes

KEPT_STOPS = 1000
"""so many names that a guard took out are kept by name; all are counted"""
_BELOW = BITS[Scope.BELOW]


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
    told: tuple[Stop, ...] = ()
    fates: tuple[tuple[str, pl.Series], ...] = ()
    """the name of a guard, and the numbers of the rows that it took out"""


def guard(frame: pl.DataFrame, judges: Judges, threats: int) -> Judged:
    """Take out public suffixes, protected names, and top sites that only threat feeds list.

    `frame` has row, name, scope, feeds and key, and is sorted by key; `threats` is the mask of the
    threat feeds. A name is taken out as well when its block would take a guarded name away.
    """
    reasons = dict.fromkeys(
        _suffix_places(frame, judges.suffixes), ("public-suffix", "is a public suffix")
    )
    for place, entry in _hit_places(frame, judges.protected.names, below=True).items():
        taken = ("protected", f"would take away {entry}, which is protected")
        reasons.setdefault(place, taken)
    tops = {Domain(name): "" for name in judges.top_sites}
    told = []
    spared: dict[int, int] = {}
    for place, entry in _hit_places(frame, tops, below=False).items():
        others = int(frame["feeds"][place]) & ~threats
        stop = Stop("top-site", frame["name"][place], f"would take away {entry}, a top site")
        if place in reasons:
            continue
        if others:
            spared[place] = others
            told.append(stop)
        else:
            reasons[place] = (stop.guard, stop.reason)
    if not reasons and not spared:
        return Judged(frame)
    stops = [
        Stop(reasons[place][0], frame["name"][place], reasons[place][1])
        for place in sorted(reasons)[:KEPT_STOPS]
    ]
    fates = tuple(
        (word, frame["row"].gather([p for p, (guard, _) in reasons.items() if guard == word]))
        for word in dict.fromkeys(guard for guard, _ in reasons.values())
    )
    if spared:
        feeds = frame["feeds"].scatter(list(spared), list(spared.values()))
        frame = frame.with_columns(feeds=feeds)
    out = pl.Series(sorted(reasons), dtype=pl.UInt32)
    left = frame.filter(~pl.int_range(pl.len(), dtype=pl.UInt32).is_in(out.implode()))
    return Judged(left, tuple(stops), tuple(told[:KEPT_STOPS]), fates)


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


def _hit_places(
    frame: pl.DataFrame, guarded: Mapping[Domain, str], *, below: bool
) -> dict[int, str]:
    """Return where in `frame` names are whose block takes a `guarded` name away, and which.

    With `below`, what is below a guarded name is guarded, too.
    """
    keys = frame["key"]
    hits: dict[int, str] = {}
    if below:
        ranges = ranges_of(keys, guarded, itself=True)
        for entry, (start, end) in zip(guarded, ranges, strict=True):
            for place in range(start, end):
                hits.setdefault(place, entry)
    else:
        hits.update((place, name) for name, place in rows_of(keys, guarded).items())
    above = {parent: entry for entry in guarded for parent in ancestors(entry)}
    for parent, place in rows_of(keys, above).items():
        if frame["scope"][place] >= _BELOW:
            hits.setdefault(place, above[Domain(parent)])
    return hits
