"""Feeds to the table of a policy zone: merged, guarded, excepted, collapsed. The bulk lane.

Everything follows one order, that of reversed labels (see `rpzctl.ranges`), so that guards,
exceptions and collapse are ranges, and BIND loads a file in it fastest.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from rpzctl.column_guards import Judges, guard
from rpzctl.exceptions import Allow
from rpzctl.formats.parsed import SILENT
from rpzctl.guards import LeftOut
from rpzctl.lift import lift, passes
from rpzctl.ranges import JOINT, key_of
from rpzctl.rpz import BITS, Scope, longest_name

EXACT, BELOW, SUBTREE = BITS[Scope.EXACT], BITS[Scope.BELOW], BITS[Scope.SUBTREE]


class Source(NamedTuple):
    """One feed's part of a policy zone."""

    feed: str
    names: pl.DataFrame
    """name and scope, as a reader gives them"""
    subdomains: bool | None = None
    """whether what is below each name is meant; None: as the format says, or else not"""
    threat: bool = True
    """top sites are refused from it, not only reported"""


class Made(NamedTuple):
    """A zone's table, and what was left out of it."""

    frame: pl.DataFrame
    """name, scope (see `rpzctl.formats.parsed.BITS`), feeds (bit n: the n-th source), passes (the
    row lets pass what a wider row would block); sorted canonically"""
    merged: pl.DataFrame
    """row, name, scope, exact and below (which sources list it, and what is below it) of all that
    was listed, before anything was left out"""
    fates: tuple[tuple[str, pl.Series], ...]
    """why rows of `merged` were left out: a word, and their numbers"""
    left: LeftOut


def combine(
    sources: Sequence[Source],
    origin: str,
    judges: Judges,
    allows: Sequence[Allow] = (),
    min_feeds: int = 1,
) -> Made:
    """Return the table of a policy zone: validated names in, then guarded, then collapsed.

    In that order: collapsed first, one stray ``com`` would swallow every name below it before a
    guard throws it out.
    """
    threats = sum(1 << place for place, source in enumerate(sources) if source.threat)
    return resolve(_merge(sources), threats, origin, judges, allows, min_feeds)


def resolve(
    listed: pl.DataFrame,
    threats: int,
    origin: str,
    judges: Judges,
    allows: Sequence[Allow] = (),
    min_feeds: int = 1,
) -> Made:
    """Return the table of a policy zone from what is `listed`, as `combine` does.

    `listed` has each name once: name, key, and which sources list it (exact) and what is below it
    (below), sorted by key; `threats` is the mask of the sources from which top sites are refused.
    What becomes of a name follows from what is listed of itself, above it and below it.
    """
    merged = listed.with_row_index("row")
    judged = guard(merged, judges, threats)
    agreed = consensus(judged.frame, min_feeds).filter(pl.col("scope") > 0)
    fits = pl.col("name").str.len_bytes() <= longest_octets(origin)
    fitting = agreed.filter(fits)
    lifted = lift(fitting, allows)
    collapsed = collapse(lifted)
    frame, unsaid = passes(collapsed, allows, origin)
    fates = (
        *judged.fates,
        ("few", _gone(judged.frame, agreed)),
        ("too-long", _gone(agreed, fitting)),
        ("excepted", _gone(fitting, lifted)),
    )
    return Made(
        frame=frame.select("name", "scope", "feeds", "passes"),
        merged=_written_down(merged, agreed),
        fates=tuple((word, rows) for word, rows in fates if len(rows)),
        left=LeftOut(
            stops=judged.stops,
            stopped=judged.stopped,
            told=judged.told,
            too_long=agreed.height - fitting.height,
            covered=lifted.height - collapsed.height,
            excepted=fitting.height - lifted.height,
            unsaid=tuple(unsaid),
            few=judged.frame.height - agreed.height,
        ),
    )


def longest_octets(origin: str) -> pl.Expr:
    """Return how long the names of a frame may be in the zone `origin`."""
    return (
        pl.when(pl.col("scope") >= BELOW)
        .then(longest_name(origin, Scope.SUBTREE))
        .otherwise(longest_name(origin, Scope.EXACT))
    )


def _gone(before: pl.DataFrame, after: pl.DataFrame) -> pl.Series:
    """Return the numbers of the rows of `before` that are not in `after`."""
    if before.height == after.height:
        return pl.Series([], dtype=pl.UInt32)
    return before.select("row").join(after.select("row"), on="row", how="anti")["row"]


def _merge(sources: Sequence[Source]) -> pl.DataFrame:
    """Return each name once: its key, and which sources list it (exact) and what is below it."""
    columns = [_votes(source, place) for place, source in enumerate(sources)]
    if not columns:
        masks = {"exact": pl.UInt64, "below": pl.UInt64}
        return pl.DataFrame(schema={"name": pl.String, **masks, "key": pl.String})
    key = key_of(pl.col("name"))
    united = _united()
    if len(columns) > 1:
        union = pl.concat(columns).group_by("name").agg(united)
        return union.with_columns(key=key).sort("key").collect(engine="streaming")
    # One source lists few names twice: neighbours are compared, which is cheaper than hashing.
    merged = columns[0].with_columns(key=key).sort("key").collect(engine="streaming")
    again = merged["key"].eq_missing(merged["key"].shift(1))
    if not again.any():
        return merged
    return merged.group_by("name", "key", maintain_order=True).agg(united).select(merged.columns)


def votes(source: Source, place: int) -> pl.DataFrame:
    """Return each name of a source once, with its bit (the `place`-th) in exact and below."""
    return _votes(source, place).group_by("name").agg(_united()).collect()


def _votes(source: Source, place: int) -> pl.LazyFrame:
    return (
        source.names.lazy()
        .select("name", scope=_meant(source))
        .select(
            "name",
            exact=_vote(pl.col("scope") & EXACT > 0, place),
            below=_vote(pl.col("scope") & BELOW > 0, place),
        )
    )


def _united() -> tuple[pl.Expr, pl.Expr]:
    return pl.col("exact").bitwise_or(), pl.col("below").bitwise_or()


def _vote(listed: pl.Expr, place: int) -> pl.Expr:
    return listed.cast(pl.UInt64) * pl.lit(1 << place, dtype=pl.UInt64)


def _meant(source: Source) -> pl.Expr:
    """Return the scope of a source's names, with the feed's setting in force.

    Without subdomains, a name of which only what is below it is listed stays so: the name itself
    was never meant. If the source lists that, too, on another line, it is all that is left.
    """
    if source.subdomains is None:
        scope = pl.col("scope")
        return pl.when(scope == SILENT).then(pl.lit(EXACT, pl.UInt8)).otherwise(scope)
    if source.subdomains or not (source.names["scope"] == BELOW).any():
        return pl.lit(SUBTREE if source.subdomains else EXACT, dtype=pl.UInt8)
    below = (pl.col("scope") == BELOW).all().over("name")
    return pl.when(below).then(pl.lit(BELOW, pl.UInt8)).otherwise(pl.lit(EXACT, pl.UInt8))


def consensus(frame: pl.DataFrame, least: int) -> pl.DataFrame:
    """Return `frame` with the scope that at least `least` feeds agree on (0: none), and feeds.

    A feed that lists a parent's subtree lists what is below it, too.
    """
    feeds = pl.col("exact") | pl.col("below")
    if least > 1:
        frame = _handed_down(frame)
    agreed = [
        (pl.col(column).bitwise_count_ones() >= least).cast(pl.UInt8) * bit
        for column, bit in (("exact", EXACT), ("below", BELOW))
    ]
    return frame.with_columns(scope=agreed[0] | agreed[1], feeds=feeds).drop("exact", "below")


def _handed_down(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with what feeds say of parents' subtrees said of the names below them."""
    frame = frame.with_columns(depth=pl.col("key").str.count_matches(JOINT, literal=True))
    deepest = int(frame["depth"].max() or 0)  # type: ignore[arg-type] # an integer column
    for level in range(deepest + 1):
        tops = (pl.col("depth") == level) & (pl.col("below") > 0)
        if not frame.select(tops.any()).item():
            continue
        carried = pl.when(tops).then(pl.col("key") + JOINT).forward_fill()
        masks = pl.when(tops).then(pl.col("below")).forward_fill()
        under = pl.col("key").str.starts_with(carried).fill_null(value=False)
        more = pl.when(under).then(masks).otherwise(pl.lit(0, pl.UInt64))
        frame = frame.with_columns(exact=pl.col("exact") | more, below=pl.col("below") | more)
    return frame.drop("depth")


def _written_down(merged: pl.DataFrame, agreed: pl.DataFrame) -> pl.DataFrame:
    """Return all that was listed, with the scope that is left of it, or else that it had."""
    exact, below = (pl.col(column) > 0 for column in ("exact", "below"))
    scope = merged.select(exact.cast(pl.UInt8) * EXACT + below.cast(pl.UInt8) * BELOW).to_series()
    return merged.select(
        "row",
        "name",
        "exact",
        "below",
        scope=scope.scatter(agreed["row"], agreed["scope"]),
    )


def collapse(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out the names that are below a name whose subtree is listed.

    `frame` is sorted by its column key. Level by level from the top: the last listed subtree of
    that depth is carried forward, and a row whose key begins with it is below it. (The last
    subtree of any depth would not do: subtrees nest.)
    """
    wide = pl.col("scope") >= BELOW
    if not frame.select(wide.any()).item():
        return frame
    depth = frame["key"].str.count_matches(JOINT, literal=True).alias("depth")
    frame = frame.with_columns(depth)
    deepest = int(frame["depth"].max() or 0)  # type: ignore[arg-type] # an integer column
    for level in range(deepest + 1):
        tops = (pl.col("depth") == level) & wide
        if not frame.select(tops.any()).item():
            continue
        carried = pl.when(tops).then(pl.col("key") + JOINT).forward_fill()
        below = pl.col("key").str.starts_with(carried).fill_null(value=False)
        frame = frame.filter(~below)
    return frame.drop("depth")
