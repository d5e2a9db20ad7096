"""Feed zones with exceptions and consensus against a slow reading of what they must mean.

A query is blocked when enough feeds list it or a parent's subtree, and no feed excepts it. What the
zone does is read from its owners as RFC 4592 has it, with code that the bulk lane does not share.
"""

from itertools import product
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import merge, suffixes, table
from rpzctl.column_guards import Judges
from rpzctl.exceptions import Allow, united
from rpzctl.formats.parsed import Entry, frame
from rpzctl.guards import Protected
from rpzctl.names import Domain
from rpzctl.rpz import BITS, PASSTHRU, Action, Kind, Scope, owners
from tests.property.test_policy_property import by_dns

NXDOMAIN = Action(Kind.NXDOMAIN)
TOPS = ("b.com", "a.c.com", "c.b.a.com")
PROTECTED = (Domain("a.a.com"), Domain("b.c.c.com"))
JUDGES = Judges(suffixes.load(), Protected(dict.fromkeys(PROTECTED, "a test")), frozenset(TOPS))
SHAPES = {NXDOMAIN: ("", " CNAME .\n"), PASSTHRU: ("", " CNAME rpz-passthru.\n")}
QUERIES = [
    ".".join([*labels, "com"]) for depth in range(1, 5) for labels in product("abc", repeat=depth)
]
NAME = st.lists(st.sampled_from("abc"), min_size=0, max_size=4).map(
    lambda labels: Domain(".".join([*labels, "com"]))
)
LISTED = st.lists(st.tuples(NAME, st.sampled_from(sorted(BITS.values()))), max_size=6)


def takes(name: str, scope: int, query: str) -> bool:
    if query == name:
        return bool(scope & BITS[Scope.EXACT])
    return query.endswith("." + name) and bool(scope & BITS[Scope.BELOW])


def guarded(name: str, scope: int, *, threat: bool) -> bool:
    """Tell whether the guards refuse what one feed says of a name."""
    if name == "com" or any(takes(entry, BITS[Scope.SUBTREE], name) for entry in PROTECTED):
        return True
    tops = TOPS if threat else ()
    if name in tops:
        return True
    below = BITS[Scope.BELOW]
    return bool(scope & below) and any(takes(name, below, each) for each in (*PROTECTED, *tops))


def made_of(
    feeds: list[list[tuple[Domain, int]]], allowed: list[tuple[Domain, int]], least: int
) -> merge.Made:
    sources = [
        merge.Source(f"f{n}", frame(Entry(*each) for each in listed), threat=n != 1)
        for n, listed in enumerate(feeds)
    ]
    allows = united((Allow(name, scope) for name, scope in allowed), {"com"})
    return merge.combine(sources, "x.rpz", JUDGES, allows, least)


@settings(deadline=None, max_examples=200)
@given(st.lists(LISTED, min_size=1, max_size=3), LISTED, st.sampled_from([1, 1, 2]))
def test_the_zone_means_what_feeds_block_less_what_they_except(
    feeds: list[list[tuple[Domain, int]]], allowed: list[tuple[Domain, int]], least: int
) -> None:
    feeds = [list(dict(listed).items()) for listed in feeds]  # one word of each feed on a name
    made = made_of(feeds, allowed, least)
    heard = [
        [(name, scope) for name, scope in one if not guarded(name, scope, threat=n != 1)]
        for n, one in enumerate(feeds)
    ]
    rows = list(table.TableRows(made.frame, NXDOMAIN).all())
    zone = {owner: row.action for row in rows for owner in owners(row.name, row.scope)}
    for query in [*QUERIES, "com"]:
        lists = sum(any(takes(name, scope, query) for name, scope in one) for one in heard)
        excepted = any(takes(name, scope, query) for name, scope in allowed if name != "com")
        wanted = lists >= least and not excepted
        assert wanted == (by_dns(zone, query) == NXDOMAIN), (query, zone)
    keys = [tuple(reversed(row.name.split("."))) for row in rows]
    assert sorted(keys) == keys
    assert len(zone) == sum(len(owners(row.name, row.scope)) for row in rows), "each owner once"


@settings(deadline=None, max_examples=25)
@given(LISTED, LISTED, LISTED)
def test_what_is_saved_is_compared_row_by_row(
    before: list[tuple[Domain, int]],
    after: list[tuple[Domain, int]],
    allowed: list[tuple[Domain, int]],
) -> None:
    import tempfile

    old = table.TableRows(made_of([before], [], 1).frame, NXDOMAIN)
    new = table.TableRows(made_of([after], allowed, 1).frame, NXDOMAIN)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "old.parquet"
        old.save(path)
        diff = new.diff(path)
        zone = Path(folder) / "zone"
        with zone.open("wb") as out:
            new.write(out, SHAPES)
        assert [] == new.recheck(zone, (0, zone.stat().st_size), SHAPES)
    was = {(row.name, row.scope): row.action for row in old.all()}
    now = {(row.name, row.scope): row.action for row in new.all()}
    assert {key for key in now if key not in was} == {(r.name, r.scope) for r in diff.added}
    assert {key for key in was if key not in now} == {(r.name, r.scope) for r in diff.removed}
    both = {key for key in now if key in was and now[key] != was[key]}
    assert both == {(r.name, r.scope) for r in diff.changed}
    assert (old.digest() == new.digest()) == (was == now)
