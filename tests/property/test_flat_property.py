"""Zones put together say of every name what the zones say one behind the other."""

from collections.abc import Iterable

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl.flat import PASS, flat
from rpzctl.names import Domain, ancestors
from rpzctl.policy import Effect, effects, rows
from rpzctl.rows import QuickRows, Rows
from rpzctl.rpz import BITS, PASSTHRU, Action, Scope, parse_action
from rpzctl.table import TableRows

LABELS = st.sampled_from(["a", "b", "xn--p1ai", "x-y"])
NAMES = st.lists(LABELS, min_size=1, max_size=4).map(lambda found: Domain(".".join([*found, "c"])))
ACTIONS = st.sampled_from([PASSTHRU, *map(parse_action, ("nxdomain", "drop", "sinkhole"))])
ZONES = st.lists(
    st.dictionaries(st.tuples(NAMES, st.sampled_from(list(Scope))), ACTIONS, max_size=6),
    min_size=0,
    max_size=4,
)


def decide(made: dict[Domain, Effect], name: str) -> Action | None:
    """Return what one zone does to a query."""
    if name in made:
        return made[Domain(name)].itself
    for parent in ancestors(name):
        if parent in made:
            return made[parent].below
    return None


def table(made: QuickRows) -> Rows:
    """Return the same rows as a large zone has them: one action besides passthru."""
    action = next((row.action for row in made.rows if row.action != PASSTHRU), PASSTHRU)
    found = [
        (row.name, BITS[row.scope], 0, row.action == PASSTHRU)
        for row in made.rows
        if row.action in {PASSTHRU, action}
    ]
    schema = {"name": pl.String, "scope": pl.UInt8, "feeds": pl.UInt64, "passes": pl.Boolean}
    return TableRows(pl.DataFrame(found, schema=schema, orient="row"), action)


def all_names(ruled: Iterable[Domain]) -> set[str]:
    found = {"other.c"}
    for name in ruled:
        for each in (name, *ancestors(name)):
            found |= {each, f"q.{each}", f"q.q.{each}"}
    return found


@settings(max_examples=150, deadline=None)
@given(ZONES)
def test_the_first_zone_that_speaks_of_a_name_decides(
    ruled: list[dict[tuple[Domain, Scope], Action]],
) -> None:
    said = [effects(each) for each in ruled]
    made = flat([QuickRows(tuple(rows(each))) for each in said])
    united: dict[Domain, Effect] = {}
    for name, itself, below in made.frame.iter_rows():
        assert name not in united
        united[Domain(name)] = Effect(
            *(None if number is None else made.actions[number] for number in (itself, below))
        )
    assert sorted(united) == made.frame["name"].to_list()
    exist = {parent for name in united for parent in ancestors(name)} - united.keys()
    for name in all_names(key[0] for each in ruled for key in each):
        wanted = next((act for each in said if (act := decide(each, name)) is not None), None)
        assert wanted == decide(united, name), name
        if name in exist:  # an empty non-terminal: a DNS wildcard does not reach it
            assert wanted is None, name


@settings(max_examples=50, deadline=None)
@given(st.dictionaries(st.tuples(NAMES, st.sampled_from(list(Scope))), ACTIONS, max_size=6))
def test_large_zones_are_read_as_small_ones_are(ruled: dict[tuple[Domain, Scope], Action]) -> None:
    only = {key: action for key, action in ruled.items() if str(action) in {"passthru", "drop"}}
    small = QuickRows(tuple(rows(effects(only))))
    one, other = flat([small]), flat([table(small)])
    assert one.frame.filter(pl.col("itself") == PASS).equals(
        other.frame.filter(pl.col("itself") == PASS)
    )
    assert one.frame["name"].equals(other.frame["name"])


def test_no_zone_says_nothing() -> None:
    assert 0 == flat([]).frame.height
    assert 0 == flat([QuickRows(())]).frame.height
