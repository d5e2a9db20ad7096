"""The bulk lane at a million names, each held against sets and loops that share no code with it.

Kept out of the default run: `make test-slow`.
"""

import random

import pytest

from rpzctl import merge, suffixes
from rpzctl.column_guards import Judges
from rpzctl.exceptions import Allow
from rpzctl.formats.parsed import SILENT, Entry, frame
from rpzctl.guards import Protected
from rpzctl.names import Domain
from rpzctl.rpz import BITS, Scope

SUFFIXES = suffixes.load()
EXACT, BELOW, SUBTREE = BITS[Scope.EXACT], BITS[Scope.BELOW], BITS[Scope.SUBTREE]
TOPS = ["com", "net", "co.uk", "example", "kobe.jp", "org"]
LABELS = ["a", "ads", "ads-x", "www", "m", "cdn1", "foo", "foo-bar", "_srv"]
Listed = list[tuple[dict[str, int], bool | None]]


def parents(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[at:]) for at in range(1, len(labels))]


def reference(
    listed: Listed, protected: set[str], allowed: dict[str, int]
) -> tuple[dict[str, tuple[int, int]], int]:
    """Return what blocks, name to scope and feeds, and how many names are excepted."""
    union: dict[str, tuple[int, int]] = {}
    for bit, (names, subdomains) in enumerate(listed):
        for name, said in names.items():
            narrow = BELOW if said == BELOW else EXACT  # the name itself was never meant
            meant = (said or EXACT) if subdomains is None else SUBTREE if subdomains else narrow
            exact, below = union.get(name, (0, 0))
            union[name] = (
                exact | (1 << bit if meant & EXACT else 0),
                below | (1 << bit if meant & BELOW else 0),
            )
    public = SUFFIXES.among(union)
    above_protected = {parent for entry in protected for parent in parents(entry)}
    kept = {}
    excepted = 0
    for name, (itself, under) in union.items():
        exact, below = itself, under
        chain = parents(name)
        if name in public or name in protected or protected.intersection(chain):
            continue
        if below and name in above_protected:
            exact, below = exact & ~below, 0
        scope = EXACT * (exact > 0) | BELOW * (below > 0)
        left = scope & ~allowed.get(name, 0)
        if scope and (not left or any(allowed.get(parent, 0) & BELOW for parent in chain)):
            excepted += 1
        elif scope:
            kept[name] = (left, exact | below)
    wide = {name for name, (scope, _) in kept.items() if scope & BELOW}
    return {n: v for n, v in kept.items() if not wide.intersection(parents(n))}, excepted


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_million_names_are_those_of_the_reference(seed: int) -> None:
    chance = random.Random(seed)

    def name() -> str:
        own = f"d{chance.randrange(300_000)}.{chance.choice(TOPS)}"
        return ".".join([*chance.choices(LABELS, k=chance.randrange(4)), own])

    said = [SILENT, EXACT, BELOW, SUBTREE]
    listed: Listed = [
        ({name(): chance.choice(said) for _ in range(240_000)}, chance.choice([None, True, False]))
        for _ in range(6)
    ]
    listed[0][0].update(dict.fromkeys(["com", "co.uk", "x.kobe.jp"], SUBTREE))
    protected = {name() for _ in range(400)}
    allowed = {name(): chance.choice(said[1:]) for _ in range(2000)}
    wanted, excepted = reference(listed, protected, allowed)
    sources = [
        merge.Source(f"f{n}", frame(Entry(*each) for each in names.items()), subdomains)
        for n, (names, subdomains) in enumerate(listed)
    ]
    made = merge.combine(
        sources,
        "x.rpz",
        Judges(SUFFIXES, Protected({Domain(each): "test" for each in protected})),
        [Allow(Domain(each), scope) for each, scope in sorted(allowed.items())],
    )
    assert made.merged.height > 900_000
    rows = made.frame.filter(~made.frame["passes"]).select("name", "scope", "feeds").iter_rows()
    found = {each: (scope, feeds) for each, scope, feeds in rows}
    gaps = {each: value for each, value in found.items() if each not in wanted}
    assert wanted == {each: value for each, value in found.items() if each in wanted}
    assert excepted == made.left.excepted
    wide = {each for each, (scope, _) in wanted.items() if scope & BELOW}
    assert all(wide.intersection(parents(each)) for each in gaps), "they only fill gaps"
