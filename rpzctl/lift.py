"""Exceptions of feeds, on columns: what they take out of feed zones, and what must be said instead.

What is blocked in the end is what feeds block, less what feeds except: an exception wins, however
narrow the block. Names are left out; but where a wider block stays, its wildcard would take the
excepted name all the same, and what exists in a zone is not covered by a wildcard above it (RFC
4592, section 2.2.2). So the zone lets the name pass in so many words, and says the wider block for
each name that exists because of it, as the operator's zone does (see `rpzctl.policy`).
"""

from collections.abc import Sequence

import polars as pl

from rpzctl import policy
from rpzctl.exceptions import Allow
from rpzctl.names import Domain, ancestors
from rpzctl.ranges import key_of, ranges_of, rows_in, rows_of
from rpzctl.rpz import BITS, PASSTHRU, SCOPES, Action, Kind, Scope, longest_name

_BELOW = BITS[Scope.BELOW]
_BLOCK = Action(Kind.NXDOMAIN)
"""stands for the action of the zone while the gaps are worked out"""


def lift(frame: pl.DataFrame, allows: Sequence[Allow]) -> pl.DataFrame:
    """Take out of `frame` (name, scope and key, sorted by key) what `allows` excepts."""
    if not allows or not frame.height:
        return frame
    keys = frame["key"]
    out = rows_in(ranges_of(keys, [name for name, scope in allows if scope & _BELOW]))
    own = rows_of(keys, [name for name, _ in allows])
    scopes = dict(allows)
    places = [*own.values()]
    if places:
        left = [int(frame["scope"][place]) & ~scopes[Domain(name)] for name, place in own.items()]
        changed = frame["scope"].scatter(places, pl.Series(left, dtype=pl.UInt8))
        frame = frame.with_columns(scope=changed)
    inside = pl.int_range(pl.len(), dtype=pl.Int64).is_in(out.implode())
    return frame.filter((pl.col("scope") > 0) & ~inside)


def passes(
    frame: pl.DataFrame, allows: Sequence[Allow], origin: str
) -> tuple[pl.DataFrame, list[Domain]]:
    """Add to a collapsed `frame` the rows that let `allows` pass where a wider block stays.

    The new column passes is true for rows that let pass; the others that are added repeat the
    wider block for names that exist because of them. Returned as well: the exceptions whose owner
    does not fit into the zone `origin`, so that the wider block takes them.
    """
    frame = frame.with_columns(passes=pl.lit(value=False))
    parents = {parent for allow in allows for parent in ancestors(allow.name)}
    covers = {
        Domain(name): int(frame["feeds"][place])
        for name, place in rows_of(frame["key"], parents).items()
        if frame["scope"][place] & _BELOW
    }
    own: dict[tuple[Domain, Scope], Action] = {}
    cover_of: dict[Domain, Domain] = {}
    unsaid = []
    for name, scope in allows:
        cover = next((parent for parent in ancestors(name) if parent in covers), None)
        if cover is not None and len(name) > longest_name(origin, Scope.SUBTREE):
            unsaid.append(name)
        elif cover is not None:
            own[name, SCOPES[scope]] = PASSTHRU
            own[cover, Scope.BELOW] = _BLOCK
            cover_of[name] = cover
    if not own:
        return frame, unsaid
    feeds = {
        parent: covers[cover]
        for name, cover in cover_of.items()
        for parent in (name, *ancestors(name))
    }
    more = [
        (row.name, BITS[row.scope], feeds[row.name], row.action == PASSTHRU)
        for row in policy.rows(policy.effects(own))
        if row.name not in covers
    ]
    schema = {"name": pl.String, "scope": pl.UInt8, "feeds": pl.UInt64, "passes": pl.Boolean}
    added = pl.DataFrame(more, schema=schema, orient="row").with_columns(key=key_of(pl.col("name")))
    kept = frame.select(*schema, "key")
    # The names that are added are sorted as the names of `policy.effects` are: by the same key.
    return kept.merge_sorted(added.select(kept.columns), key="key"), unsaid
