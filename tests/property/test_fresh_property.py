"""A fresh zone before a settled one says, name for name, what one made as a whole would say.

Two random states of three feeds, with exceptions, guards and consensus, and a random zone of
another action behind; what zones do is read from their owners as RFC 4592 has it.
"""

import tempfile
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import behind, changes, fresh, ledger, ledger_writing, merge, suffixes, table
from rpzctl.column_guards import Judges
from rpzctl.exceptions import Allow, united
from rpzctl.formats.parsed import Entry, frame
from rpzctl.guards import Protected
from rpzctl.names import Domain
from rpzctl.rows import QuickRows
from rpzctl.rpz import BITS, PASSTHRU, Action, Kind, Row, owners
from tests.property.test_exceptions_property import LISTED, NAME, NXDOMAIN, QUERIES
from tests.property.test_policy_property import by_dns

JUDGES = Judges(suffixes.load(), Protected({Domain("a.a.com"): "a test"}), frozenset(["b.c.com"]))
NODATA = Action(Kind.NODATA)
NOW = datetime(2026, 11, 25, tzinfo=UTC)
ORIGIN = "x.rpz"
Listed = list[tuple[Domain, int]]
FEW = st.lists(st.tuples(NAME, st.sampled_from(sorted(BITS.values()))), max_size=2)
"""what a feed lists besides, then or now"""


def sources_of(feeds: list[Listed]) -> list[merge.Source]:
    return [
        merge.Source(f"f{n}", frame(Entry(*each) for each in listed), threat=n != 1)
        for n, listed in enumerate(feeds)
    ]


def owned(rows: list[Row]) -> dict[str, Action]:
    return {owner: row.action for row in rows for owner in owners(row.name, row.scope)}


def verdict(zones: list[dict[str, Action]], query: str) -> Action | None:
    """Return what zones in order do to a query: the first that speaks of it ends the matter."""
    said = (by_dns(zone, query) for zone in zones)
    action = next((each for each in said if each is not None), None)
    return None if action == PASSTHRU else action


def freshened(
    folder: Path, was: list[merge.Source], now: list[merge.Source], terms: tuple[object, ...]
) -> tuple[merge.Made, merge.Made, set[str]]:
    """Return what is listed around the changed names, then and now, as a sync finds it."""
    whole = merge.combine(was, *terms[1:])  # type: ignore[arg-type] # as resolve takes them
    names = []
    for n, source in enumerate(was):
        path = folder / f"{source.feed}.parquet"
        source.names.write_parquet(path)
        names.append((source.feed, path))
        assert n < len(now)
    changes.settle(folder, ORIGIN, names)
    head = ledger.Head("i", {ORIGIN: "d"}, tuple(source.feed for source in was))
    page = ledger.Page(ORIGIN, head, whole)
    ledger_writing.write(folder, page, ledger_writing.draw(folder, page, NOW))
    found = [changes.find(folder, ORIGIN, source, ("a", "b"), 1000) for source in now]
    changed = {name for each in found if each for name in each.names}
    region = ledger.around(folder, ORIGIN, changed, 1000)
    assert region is not None
    masks = dict(region)
    for place, each in enumerate(found):
        assert each is not None
        for name, said in each.names.items():
            exact, below = masks.get(name, (0, 0))
            bit = 1 << place
            masks[name] = (
                (exact & ~bit) | (bit if said.itself else 0),
                (below & ~bit) | (bit if said.below else 0),
            )
    before, after = (
        merge.resolve(fresh.listed(each), *terms)  # type: ignore[arg-type] # as above
        for each in (region, masks)
    )
    return before, after, changed


@settings(deadline=None, max_examples=70)
@given(
    st.lists(st.tuples(LISTED, FEW, FEW), min_size=1, max_size=3),
    LISTED,
    st.sampled_from([1, 1, 2]),
    LISTED,
    LISTED,
)
def test_two_zones_say_what_one_would(
    feeds: list[tuple[Listed, Listed, Listed]],
    allowed: Listed,
    least: int,
    others: Listed,
    again: Listed,
) -> None:
    was, now = ([list(dict(each[0] + each[n]).items()) for each in feeds] for n in (1, 2))
    allows = united((Allow(name, scope) for name, scope in allowed), {"com"})
    threats = sum(1 << n for n in range(len(feeds)) if n != 1)
    terms = (threats, ORIGIN, JUDGES, allows, least)
    settled, wanted, later = (
        list(table.TableRows(merge.combine(sources, *terms[1:]).frame, action).all())
        for sources, action in (
            (sources_of(was), NXDOMAIN),
            (sources_of(now), NXDOMAIN),
            (sources_of([others]), NODATA),
        )
    )
    with tempfile.TemporaryDirectory() as home:
        before, after, changed = freshened(Path(home), sources_of(was), sources_of(now), terms)
    was_said, says_now = (fresh.said(fresh.rows_of(each, NXDOMAIN)) for each in (before, after))
    follow = behind.Zones((behind.of_rows(QuickRows(tuple(later))),))
    try:
        rows = fresh.rows(was_said, says_now, follow)
    except fresh.Unsayable:
        return
    assert changed or not rows
    both = [owned(list(rows)), owned(settled), owned(later)]
    one = [owned(wanted), owned(later)]
    for query in [*QUERIES, "com"]:
        assert verdict(one, query) == verdict(both, query), (query, *both)
    # A zone made as a whole later, while a resolver still has the old one or has it already.
    third = merge.combine(sources_of([again]), *terms[1:]).frame
    says = behind.Zones((behind.of_rows(table.TableRows(third, NXDOMAIN)),))
    kept = list(fresh.still(rows, says, follow))
    whole = owned(list(table.TableRows(third, NXDOMAIN).all()))
    for query in [*QUERIES, "com"]:
        alone = verdict([whole, owned(later)], query)
        assert alone == verdict([owned(kept), whole, owned(later)], query), (query, kept)
