"""The ledger is searched without being read: every name is found, and nothing else."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl import ledger, ledger_writing, merge, suffixes
from rpzctl.column_guards import Judges
from rpzctl.errors import RpzctlError
from rpzctl.formats.parsed import Entry, frame
from rpzctl.guards import Protected

NOW = datetime(2026, 11, 24, tzinfo=UTC)
JUDGES = Judges(suffixes.load(), Protected({}))
LABEL = st.sampled_from(["a", "b", "a-b", "x", "y1", "_z"])
NAME = st.lists(LABEL, min_size=1, max_size=4).map(lambda labels: ".".join([*labels, "example"]))


def page(feeds: dict[str, list[str]], inputs: str = "i") -> ledger.Page:
    sources = [merge.Source(f, frame(Entry(n) for n in names)) for f, names in feeds.items()]
    head = ledger.Head(inputs, {"x.rpz": "d"}, tuple(feeds))
    return ledger.Page("x.rpz", head, merge.combine(sources, "x.rpz", JUDGES))


def write(folder: Path, page: ledger.Page, now: datetime) -> None:
    ledger_writing.write(folder, page, ledger_writing.draw(folder, page, now))


@settings(deadline=None, max_examples=60)
@given(st.sets(NAME, max_size=30), st.sets(NAME, max_size=10))
def test_what_is_listed_is_found_and_nothing_else(
    tmp_path_factory: pytest.TempPathFactory, listed: set[str], others: set[str]
) -> None:
    folder = tmp_path_factory.mktemp("ledger")
    write(folder, page({"f": sorted(listed)}), NOW)
    for name in listed | others:
        found = ledger.listings(folder, "x.rpz", [name])
        assert ([name] if name in listed else []) == [each.name for each in found]


def test_first_and_last_seen(tmp_path: Path) -> None:
    write(tmp_path, page({"f": ["a.example", "b.example"]}), NOW)
    later = NOW + timedelta(days=3)
    write(tmp_path, page({"g": ["c.example"], "f": ["b.example"]}), later)
    first, last = int(NOW.timestamp()), int(later.timestamp())
    found = {
        each.name: each for each in ledger.listings(tmp_path, "x.rpz", ["b.example", "c.example"])
    }
    assert (first, ("f",)) == (found["b.example"].since, found["b.example"].feeds)
    assert (last, ("g",)) == (found["c.example"].since, found["c.example"].feeds)
    assert [("a.example", first, last)] == ledger.gone(tmp_path, "x.rpz", ["a.example"])
    much_later = later + timedelta(days=ledger_writing.GONE_DAYS + 1)
    write(tmp_path, page({"f": ["b.example"]}), much_later)
    assert [] == ledger.gone(tmp_path, "x.rpz", ["a.example"])
    assert ["c.example"] == [each.name for each in ledger.gone(tmp_path, "x.rpz", ["c.example"])]


@pytest.mark.parametrize(
    "text",
    [b"", b"\n\n", b"junk", b"a.example,1\n", b"a.example,x,1,1,1,\n", b"\xff\xfe,1,1,1,1,\n"],
)
def test_a_damaged_ledger_counts_as_none_and_is_written_anew(tmp_path: Path, text: bytes) -> None:
    write(tmp_path, page({"f": ["a.example"]}), NOW)
    (tmp_path / "x.rpz.names").write_bytes(text)
    assert [] == ledger.listings(tmp_path, "x.rpz", ["a.example"])
    write(tmp_path, page({"f": ["a.example"]}), NOW)
    assert 1 == len(ledger.listings(tmp_path, "x.rpz", ["a.example"]))


def test_the_ledgers_of_zones_that_went_go_too(tmp_path: Path) -> None:
    write(tmp_path, page({"f": ["a.example"]}), NOW)
    ledger.prune(tmp_path, {"x.rpz"})
    assert ledger.head(tmp_path, "x.rpz").tells_of({"x.rpz": "d"})
    ledger.prune(tmp_path, set())
    assert [] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "line",
    [
        "a.example,9,1,1,1,",
        "a.example,3,1,1,99999999999999999,",
        "a.example,3,1,1,-1,",
        "a.example,x,1,1,1,",
    ],
)
def test_a_damaged_line_counts_as_none(tmp_path: Path, line: str) -> None:
    write(tmp_path, page({"f": ["a.example", "b.example"]}), NOW)
    names = tmp_path / "x.rpz.names"
    kept = [text for text in names.read_text().splitlines() if not text.startswith("a.")]
    names.write_text("\n".join([line, *kept]) + "\n")
    found = ledger.listings(tmp_path, "x.rpz", ["a.example", "b.example"])
    assert ["b.example"] == [each.name for each in found]


def test_a_ledger_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    (tmp_path / "odd.json").mkdir()
    with pytest.raises(RpzctlError, match=r"cannot remove .*odd\.json: Is a directory"):
        ledger.prune(tmp_path, {"x.rpz"})
