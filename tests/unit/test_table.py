"""The bulk lane against a slow, plain reference that shares no code with it."""

import random
from pathlib import Path

import dns.name
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import merge, suffixes, table
from rpzctl.column_guards import Judges
from rpzctl.files import Digested
from rpzctl.formats.parsed import Entry, frame
from rpzctl.guards import Protected
from rpzctl.names import Domain, ancestors, printable, sort_key
from rpzctl.ranges import in_order
from rpzctl.rpz import BITS, Action, Kind, Scope, parse_action

NXDOMAIN = Action(Kind.NXDOMAIN)
SHAPES = {NXDOMAIN: ("", " CNAME .\n")}
SUFFIXES = suffixes.load()
NOBODY = Protected({})
NAMED = {"name": pl.String}

Listed = list[tuple[list[str], bool]]


def combine(listed: Listed, protected: Protected = NOBODY, origin: str = "x.rpz") -> merge.Made:
    sources = [
        merge.Source(f"f{n}", frame(Entry(name) for name in names), subdomains)
        for n, (names, subdomains) in enumerate(listed)
    ]
    return merge.combine(sources, origin, Judges(SUFFIXES, protected))


def reference(listed: Listed, protected: set[str]) -> dict[str, tuple[bool, int]]:
    """Sets and loops: name to (subtree, feeds)."""
    union: dict[str, tuple[int, int]] = {}
    for bit, (names, subdomains) in enumerate(listed):
        for name in names:
            exact, below = union.get(name, (0, 0))
            union[name] = (exact | 1 << bit, below | (1 << bit if subdomains else 0))
    kept = {}
    for name, (itself, under) in union.items():
        exact, below = itself, under
        if SUFFIXES.is_suffix(name):
            continue
        if any(p == name or p in ancestors(name) for p in protected):
            continue
        if below and any(name in ancestors(p) for p in protected):
            exact, below = exact & ~below, 0  # who lists all below is not listened to
        if exact | below:
            kept[name] = (below > 0, exact | below)
    wide = {name for name, (subtree, _) in kept.items() if subtree}
    return {n: v for n, v in kept.items() if not any(a in wide for a in ancestors(n))}


def as_dict(made: merge.Made) -> dict[str, tuple[bool, int]]:
    wide = BITS[Scope.SUBTREE]
    return {name: (scope == wide, feeds) for name, scope, feeds, _ in made.frame.iter_rows()}


LABEL = st.sampled_from(["a", "b", "a-b", "x", "y1", "_z"])
NAME = st.lists(LABEL, min_size=0, max_size=4).flatmap(
    lambda labels: st.sampled_from(["com", "co.uk", "foo.ck", "kobe.jp", "example"]).map(
        lambda top: ".".join([*labels, top])
    )
)


@settings(deadline=None, max_examples=150)
@given(
    st.lists(st.tuples(st.lists(NAME, max_size=12), st.booleans()), min_size=1, max_size=4),
    st.sets(NAME, max_size=3),
)
def test_combine_equals_the_reference(listed: Listed, protected: set[str]) -> None:
    guard = Protected({Domain(name): "test" for name in protected})
    assert reference(listed, protected) == as_dict(combine(listed, guard))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_combine_equals_the_reference_at_size(seed: int) -> None:
    chance = random.Random(seed)
    tops = ["com", "net", "co.uk", "example", "kobe.jp"]
    labels = ["a", "ads", "ads-x", "www", "m", "cdn1", "foo", "foo-bar", "_srv"]

    def name() -> str:
        own = f"d{chance.randrange(3000)}.{chance.choice(tops)}"
        return ".".join([*chance.choices(labels, k=chance.randrange(4)), own])

    listed = [([name() for _ in range(4000)], chance.random() < 0.5) for _ in range(5)]
    protected = {name() for _ in range(40)}
    guard = Protected({Domain(name): "test" for name in protected})
    assert reference(listed, protected) == as_dict(combine(listed, guard))


def test_a_hyphen_does_not_tear_a_subtree_apart() -> None:
    listed = [(["foo.com", "ads-foo.com", "x.foo.com", "foo-ads.com", "y.foo.com"], True)]
    assert {"foo.com", "ads-foo.com", "foo-ads.com"} == set(as_dict(combine(listed)))


def test_a_stray_suffix_swallows_nothing() -> None:
    made = combine([(["com", "co.uk", "evil.com", "bad.co.uk"], True)])
    assert {"evil.com", "bad.co.uk"} == set(as_dict(made))
    assert {"com", "co.uk"} == {stop.subject for stop in made.left.stops}


def test_rows_stand_in_canonical_order() -> None:
    names = ["b.example.com", "a.example.com", "example.com", "a-b.example.com", "z.com", "x.a.com"]
    frame = combine([(names, False)]).frame
    expected = sorted(names, key=dns.name.from_text)
    assert expected == frame["name"].to_list()


def test_what_a_format_says_of_subdomains_is_kept() -> None:
    exact, below, wide = BITS[Scope.EXACT], BITS[Scope.BELOW], BITS[Scope.SUBTREE]
    listed = frame(
        [
            Entry("silent.com"),
            Entry("exact.com", exact),
            Entry("below.com", below),
            Entry("pair.com", exact),
            Entry("pair.com", below),
            Entry("a.below.com", exact),
            Entry("wide.com", wide),
            Entry("a.wide.com", below),
        ]
    )
    made = merge.combine([merge.Source("f", listed)], "x.rpz", Judges(SUFFIXES, NOBODY))
    assert {
        "silent.com": exact,
        "exact.com": exact,
        "below.com": below,
        "pair.com": wide,
        "wide.com": wide,
    } == dict(made.frame.select("name", "scope").iter_rows())
    rows = [row.text() for row in table.TableRows(made.frame, NXDOMAIN).all()]
    assert "*.below.com nxdomain" in rows
    assert "exact.com nxdomain (exact)" in rows
    made = merge.combine([merge.Source("f", listed, True)], "x.rpz", Judges(SUFFIXES, NOBODY))
    assert {wide} == set(made.frame["scope"])


def test_without_subdomains_only_what_was_never_the_name_itself_stays_below() -> None:
    exact, below, wide = BITS[Scope.EXACT], BITS[Scope.BELOW], BITS[Scope.SUBTREE]
    entries = [
        Entry("silent.com"),
        Entry("exact.com", exact),
        Entry("below.com", below),
        Entry("pair.com", exact),
        Entry("pair.com", below),
        Entry("wide.com", wide),
    ]
    expected = {
        "silent.com": exact,
        "exact.com": exact,
        "below.com": below,
        "pair.com": exact,
        "wide.com": exact,
    }
    source = merge.Source("f", frame(entries), subdomains=False)
    other = merge.Source("g", frame([Entry("silent.com")]))
    for sources in ([source], [source, other]):
        made = merge.combine(sources, "x.rpz", Judges(SUFFIXES, NOBODY))
        assert expected == dict(made.frame.select("name", "scope").iter_rows())


def test_a_name_below_only_is_written_as_a_wildcard(tmp_path: Path) -> None:
    listed = frame([Entry("a.com", BITS[Scope.BELOW]), Entry("b.com", BITS[Scope.SUBTREE])])
    made = merge.combine([merge.Source("f", listed)], "x.rpz", Judges(SUFFIXES, NOBODY))
    path = tmp_path / "zone"
    with path.open("wb") as out:
        table.TableRows(made.frame, NXDOMAIN).write(out, SHAPES)
    expected = "*.a.com CNAME .\nb.com CNAME .\n*.b.com CNAME .\n"
    assert expected == path.read_text()


def test_names_too_long_for_the_zone_are_left_out() -> None:
    origin = "x.rpz"
    fits = ".".join(["a" * 60] * 4)[: 253 - len(origin) - 1 - 2 - 4] + ".com"
    made = combine([([fits, "b" + fits], True)], origin=origin)
    assert [fits] == made.frame["name"].to_list()
    assert 1 == made.left.too_long


def rows(names: list[str], *, subtree: bool = False) -> table.TableRows:
    return table.TableRows(combine([(names, subtree)]).frame, NXDOMAIN)


def test_diff_of_saved_rows(tmp_path: Path) -> None:
    rows(["a.com", "b.com", "c.com"]).save(tmp_path / "old.parquet")
    diff = rows(["b.com", "c.com", "d.com"]).diff(tmp_path / "old.parquet")
    assert ["d.com"] == [row.name for row in diff.added]
    assert ["a.com"] == [row.name for row in diff.removed]
    assert 0 == len(diff.changed)


def test_another_action_changes_every_row(tmp_path: Path) -> None:
    rows(["a.com", "b.com"]).save(tmp_path / "old.parquet")
    new = table.TableRows(combine([(["b.com", "c.com"], False)]).frame, parse_action("nodata"))
    diff = new.diff(tmp_path / "old.parquet")
    assert (["c.com"], ["a.com"], ["b.com"]) == (
        [row.name for row in diff.added],
        [row.name for row in diff.removed],
        [row.name for row in diff.changed],
    )


def test_names_that_collide_by_hash_are_still_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    def same(frame: pl.DataFrame, *_: object) -> pl.Series:
        return pl.Series([1] * frame.height, dtype=pl.UInt64)

    monkeypatch.setattr(pl.DataFrame, "hash_rows", same)
    old, new = rows(["a.com", "b.com"]).frame, rows(["b.com", "c.com"]).frame
    in_old, in_new = table.membership(new, old, ["name", "scope"])
    assert ([True, False], [False, True]) == (in_old.to_list(), in_new.to_list())


@pytest.mark.parametrize("subtree", [True, False])
def test_what_is_written_is_read_back(tmp_path: Path, *, subtree: bool) -> None:
    made = rows(["a.com", "b.com", "c.example.net"], subtree=subtree)
    path = tmp_path / "zone"
    with path.open("wb") as out:
        out.write(b"head\n")
        made.write(out, SHAPES)
        end = out.tell()
        out.write(b"tail\n")
    assert [] == made.recheck(path, (5, end - 5), SHAPES)
    assert ("*.a.com CNAME ." in path.read_text()) == subtree


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"b.com CNAME .\n", b"b.com CNAME rpz-passthru.\n"),
        (b"b.com CNAME .\n", b"$ORIGIN com.\n"),
        (b"b.com CNAME .\n", b""),
        (b"b.com CNAME .\n", b"b.com CNAME .\nb.com CNAME .\n"),
        (b"b.com CNAME .\n", b"x.com CNAME .\n"),
        (b"b.com CNAME .\n", b"b.com. CNAME .\n"),
    ],
)
def test_a_tampered_zone_is_found(tmp_path: Path, old: bytes, new: bytes) -> None:
    made = rows(["a.com", "b.com", "c.com"])
    path = tmp_path / "zone"
    with path.open("wb") as out:
        made.write(out, SHAPES)
    text = path.read_bytes().replace(old, new)
    path.write_bytes(text)
    assert made.recheck(path, (0, len(text)), SHAPES)


def test_a_sample_has_the_ends_the_longest_and_the_deepest() -> None:
    names = [f"n{i:04}.com" for i in range(500)] + ["very-long-name-of-a-host.org", "a.b.c.d.e.net"]
    sample = [row.name for row in rows(names).all().sample(20)]
    assert 20 == len(sample) == len(set(sample))
    assert {"n0000.com", "very-long-name-of-a-host.org", "a.b.c.d.e.net"} <= set(sample)


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"b.com CNAME .\n", b"x.com CNAME .\n"), (b"b.com CNAME .\n", b""), (b"tail\n", b"tale\n")],
)
def test_a_file_that_is_not_what_was_handed_over_is_found(
    tmp_path: Path, old: bytes, new: bytes
) -> None:
    made = rows(["a.com", "b.com", "c.com"])
    path = tmp_path / "zone"
    with path.open("wb") as file:
        out = Digested(file)
        made.write(out, SHAPES)
        length = out.tell()
        out.write(b"tail\n")
    assert [] == made.recheck(path, (0, length), SHAPES, out.hexdigest())
    path.write_bytes(path.read_bytes().replace(old, new))
    found = made.recheck(path, (0, length), SHAPES, out.hexdigest())
    assert bool(found) == (old != b"tail\n"), "what is around the records is another check's"


@pytest.mark.parametrize("octets", [1 << 23, 16])
def test_each_record_of_a_file_as_it_was_handed_over_is_tested(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, octets: int
) -> None:
    monkeypatch.setattr(table, "_BLOCK", octets)
    made = rows(["a.com", "b.com", "c.com"])
    for text, sound in [(" CNAME .\n", True), (" CNAME rpz-passthru\n", False), (" A\n", False)]:
        path = tmp_path / "zone"
        with path.open("wb") as file:
            out = Digested(file)
            made.write(out, {NXDOMAIN: ("", text)})
            length = out.tell()
        found = made.recheck(path, (0, length), {NXDOMAIN: ("", text)}, out.hexdigest())
        assert sound == (found == [])
        assert sound or printable(f"not a record: {'a.com' + text.strip(chr(10))!r}") == found[0]


ALIKE = st.lists(
    st.sampled_from(["a", "a-b", "ab", "abcdefghijkl", "abcdefghijklm", "abcdefghijkl-m", "x1"]),
    min_size=1,
    max_size=4,
).map(".".join)


@settings(deadline=None, max_examples=200)
@given(st.lists(ALIKE, max_size=30))
def test_names_whose_keys_begin_alike_are_sorted_by_the_whole(names: list[str]) -> None:
    frame = pl.DataFrame({"name": names, "mark": range(len(names))}, schema_overrides=NAMED)
    ordered = in_order(frame)
    assert sorted(names, key=sort_key) == ordered["name"].to_list()
    assert [sort_key(name) for name in ordered["name"]] == ordered["key"].to_list()
    assert dict(zip(range(len(names)), names, strict=True)) == dict(
        ordered.select("mark", "name").iter_rows()
    ), "each name keeps what stands beside it"


def test_names_that_are_sorted_by_the_whole_need_no_others_beside_them() -> None:
    names = [f"{label}.abcdefghijklmnop.example" for label in "zyxabc"]
    frame = pl.DataFrame({"name": names})
    assert sorted(names) == in_order(frame)["name"].to_list()


@pytest.mark.parametrize("count", [1, 8, 9, 16, 17, 32, 33, 63])
def test_each_of_many_feeds_has_its_bit(count: int) -> None:
    listed = [(["all.com", f"n{n}.com"], n % 2 == 0) for n in range(count)]
    made = as_dict(combine(listed))
    assert (True, (1 << count) - 1) == made["all.com"]
    assert all((n % 2 == 0, 1 << n) == made[f"n{n}.com"] for n in range(count))
