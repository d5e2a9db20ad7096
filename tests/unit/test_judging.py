"""What came from a publisher is judged by its shape, its header, and what it was before."""

import pytest

from rpzctl import network_guards, snapshots
from rpzctl.catalogue import Feed
from rpzctl.judging import Judged, judge
from rpzctl.shape import Size
from rpzctl.snapshots import Record

KNOWN = network_guards.known(shipped=True)
BUNDLE = b"""{"type": "bundle", "objects": [
 {"type": "indicator", "pattern": "[domain-name:value = 'one.test']",
  "valid_until": "2026-11-25T00:00:00Z"},
 {"type": "indicator", "pattern": "[domain-name:value = 'two.test']",
  "valid_until": "2026-11-24T00:00:00.5Z"},
 {"type": "indicator", "pattern": "[domain-name:value = 'three.test']"},
 {"type": "indicator", "pattern": "[file:name = 'x']", "valid_until": "2026-11-01T00:00:00Z"}
]}"""
DAY = 1_795_478_400
"""2026-11-24T00:00:00Z, in seconds since 1970"""


def feed(form: str = "domains", **keys: int) -> Feed:
    return Feed.of(
        {"file": "/x.toml", "name": "x", "url": "file:x", "format": form, "zone": "x", **keys}
    )


def lines(count: int, header: str = "") -> bytes:
    return header.encode() + b"".join(b"n%d.test\n" % number for number in range(count))


def judged(
    data: bytes,
    record: Record | None = None,
    form: str = "domains",
    *,
    accept: bool = False,
    **keys: int,
) -> Judged:
    return judge(feed(form, **keys), record or Record(), data, DAY, KNOWN, accept=accept)


@pytest.mark.parametrize(
    ("announced", "there", "believed"),
    [(100, 100, True), (100, 90, True), (100, 89, False), (100, 250, True), (1, 0, False)],
)
def test_a_copy_that_announces_more_than_it_has_is_cut_short(
    announced: int, there: int, believed: bool
) -> None:
    found = judged(lines(there, f"# Domains: {announced}\n"), min_names=0)
    assert believed is (found.fault is None)
    if not believed:
        assert "cut short?" in (found.fault or "")
        assert "sync --accept x" in (found.fault or "")


def test_what_a_header_says_can_be_overruled_once_or_for_good() -> None:
    data = lines(10, "# Domains: 1000\n")
    assert judged(data).fault
    assert judged(data, accept=True).fault is None
    assert judged(data, max_change=0).fault is None


def test_lines_that_are_rejected_count_as_being_there() -> None:
    data = lines(60, "# Domains: 100\n") + b"not a name!\n" * 40
    assert judged(data).fault is None


def test_a_feed_of_addresses_is_a_feed() -> None:
    data = b"".join(b"45.9.%d.0/24\n" % number for number in range(200)) + b"10.0.0.0/8\n"
    found = judged(data, form="ips")
    assert (None, Size(0, 0, 201), 1) == (found.fault, found.size, found.refused)
    assert (("is private", 1),) == found.reasons
    fewer = judged(data[:500], Record(names=0, exceptions=0, networks=201), form="ips")
    assert "went from 201 to" in (fewer.fault or "")
    assert "networks" in (fewer.fault or "")


def test_a_list_without_any_entry_is_refused() -> None:
    assert "has 0 names in 0 lines" in (judged(b"# nothing\n").fault or "")


@pytest.mark.parametrize(
    ("before", "after", "keys", "fault"),
    [
        (Size(1000, 0, 0), 600, {}, "went from 1000 to 600 names (40 %"),
        (Size(1000, 0, 0), 600, {"max_change": 50}, ""),
        (Size(1000, 0, 0), 600, {"max_change": 0}, ""),
        (Size(1000, 0, 0), 600, {"min_change": 500}, ""),
        (Size(150, 0, 0), 60, {}, ""),
        (Size(150, 0, 0), 60, {"min_change": 10}, "went from 150 to 60 names (60 %"),
        (Size(1000, None, None), 1000, {}, ""),
        (Size(0, None, None), 5000, {}, ""),
    ],
)
def test_a_swing_is_held_against_the_feeds_own_bounds(
    before: Size, after: int, keys: dict[str, int], fault: str
) -> None:
    found = judge(feed("domains", **keys), Record(**before._asdict()), lines(after), DAY, KNOWN)
    assert fault in (found.fault or "")
    assert bool(fault) is bool(found.fault)


def test_exceptions_that_come_in_thousands_overnight_are_a_swing() -> None:
    names = b"".join(b"||n%d.test^\n" % number for number in range(1000))
    excepted = b"".join(b"@@||e%d.test^\n" % number for number in range(500))
    before = Record(names=1000, exceptions=0, networks=0)
    assert "went from 0 to 500 exceptions (50 %" in (
        judged(names + excepted, before, form="adblock").fault or ""
    )
    old = Record(names=1000)
    assert judged(names + excepted, old, form="adblock").fault is None, "not counted before"


def test_what_has_expired_does_not_count_and_the_next_expiry_is_known() -> None:
    found = judged(BUNDLE, form="stix")
    assert found.parsed is not None
    assert 3 == found.size.names
    assert DAY + 1 == found.parsed.expires, "a broken second is over when it ends"
    later = judge(feed("stix"), Record(), BUNDLE, DAY + 1, KNOWN)
    assert later.parsed is not None
    assert ({"one.test", "three.test"}, DAY + 86400) == (
        set(later.parsed.names["name"]),
        later.parsed.expires,
    )
    last = judge(feed("stix"), Record(), BUNDLE, DAY + 86400, KNOWN)
    assert last.parsed is not None
    assert (1, None) == (last.size.names, last.parsed.expires)


def test_the_last_good_copy_itself_is_not_held_against_sizes_again() -> None:
    stix = feed("stix", min_names=3)
    kept = Record(
        sha256=snapshots.digest(BUNDLE), read_as=snapshots.read_as(stix), names=300, exceptions=0
    )
    last = judge(stix, kept, BUNDLE, DAY + 86400, KNOWN)
    assert (None, 1) == (last.fault, last.size.names)
    for other in (kept._replace(sha256="x"), kept._replace(read_as="x")):
        assert "at least 3" in (judge(stix, other, BUNDLE, DAY + 86400, KNOWN).fault or "")


def test_a_name_that_stands_there_often_is_one_name() -> None:
    again = b"n1.test\n" * 500
    assert 1 == judged(again).size.names
    swung = judged(again, Record(names=500, exceptions=0, networks=0)).fault or ""
    assert "went from 500 to 1 names" in swung
    assert "has 1 names in 500 lines" in (judged(again, min_names=2).fault or "")
    rpz = b"foo.test CNAME .\n*.foo.test CNAME .\n" + b"ok.test CNAME rpz-passthru.\n" * 2
    assert Size(1, 1, 0) == judged(rpz, form="rpz").size


def test_what_a_header_counts_is_held_against_lines_not_names() -> None:
    assert judged(b"# Domains: 100\n" + b"n1.test\n" * 100).fault is None
