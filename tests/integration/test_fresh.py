"""A large feed group's two zones, on a live named: what changed bites in the small one."""

import json
import random

import pytest

from tests.integration.test_feeds import local
from tests.integration.test_why import why
from tests.servers import REAL, Site

SETTING = "[policy]\nfresh_from = 5\n"
SETTLED, FRESH = "malware.rpz", "fresh.malware.rpz"
TEN = [f"n{n}.example" for n in range(10)]


def text(names: list[str]) -> bytes:
    return "".join(f"{name}\n" for name in names).encode()


def zone_file(site: Site) -> tuple[int, int]:
    """Return what tells that the settled zone's file is the same as before."""
    found = (site.output / "current" / f"{SETTLED}.zone").stat()
    return found.st_ino, found.st_mtime_ns


def large(site: Site, more: str = "") -> None:
    """Make a group of two feeds whose zone counts as large."""
    site.setting(SETTING + more)
    local(site, "one", text(TEN), format="domains", max_change=0)
    local(site, "two", text(["n0.example", "wide.example"]), format="domains", max_change=0)
    site.ok("sync")


def one(site: Site, names: list[str]) -> None:
    (site.home / "one.txt").write_bytes(text(names))


def test_what_came_and_what_went_is_in_the_fresh_zone_alone(site: Site) -> None:
    large(site)
    before = zone_file(site)
    one(site, [*TEN[2:], "new.example"])
    done = site.ok("sync")
    assert "fresh.malware.rpz: changed, +2 -0 ~0, 2 rows" in done.stdout
    assert "+ n1.example passthru (exact)" in done.stdout
    assert "\nmalware.rpz" not in done.stdout
    assert before == zone_file(site), "the settled zone is neither written nor loaded"
    names = {"new.example": "NXDOMAIN", "n0.example": "NXDOMAIN", "n1.example": REAL}
    assert names == site.answers(names)
    assert "nothing to publish" in site.ok("sync").stdout
    one(site, TEN)
    done = site.ok("sync")
    assert "fresh.malware.rpz: changed, +0 -2 ~0, 0 rows" in done.stdout
    assert {"new.example": REAL, "n1.example": "NXDOMAIN"} == site.answers(
        ["new.example", "n1.example"]
    )
    assert 0 == site.cli("check").status


def test_why_knows_what_came_and_what_went(site: Site) -> None:
    large(site)
    one(site, [*TEN[2:], "new.example"])
    site.ok("sync")
    found = why(site, "new.example")
    assert ("blocked", FRESH, ["one"]) == (
        found["verdict"],
        found["zone"],
        [said["feed"] for said in found["listed"][0]["said"]],
    )
    found = why(site, "n1.example")
    assert ("neither", [], ["n1.example"]) == (
        found["verdict"],
        found["listed"],
        [gone["name"] for gone in found["gone"]],
    )
    found = why(site, "n0.example")
    assert (SETTLED, ["two"]) == (
        found["zone"],
        [said["feed"] for said in found["listed"][0]["said"]],
    )
    assert [] == found["notes"]
    seen = why(site, "n5.example")["listed"][0]["said"][0]["first_seen"]
    one(site, [*TEN, *(f"many{n}.example" for n in range(1200))])
    site.ok("sync")
    assert seen == why(site, "n5.example")["listed"][0]["said"][0]["first_seen"]
    assert [] == why(site, "n1.example")["gone"], "it is listed again"


def test_what_the_groups_behind_say_of_a_name_that_went(site: Site) -> None:
    large(site, 'order = ["malware", "ads"]\n[group.ads]\naction = "nodata"')
    local(site, "three", text(["n1.example"]), format="domains", zone="ads", max_change=0)
    site.ok("sync")
    assert "NXDOMAIN" == site.answer("n1.example")
    one(site, TEN[4:])
    site.ok("sync")
    names = {"n1.example": "nodata", "n2.example": REAL, "n3.example": REAL}
    assert names == site.answers(names)
    (site.home / "three.txt").write_bytes(text(["n1.example", "n2.example", "other.example"]))
    done = site.ok("sync")
    assert "~ n2.example nodata (exact)" in done.stdout
    assert {**names, "n2.example": "nodata"} == site.answers(names)
    (site.home / "three.txt").write_bytes(text(["other.example"]))
    site.ok("sync")
    assert {"n1.example": REAL, "n2.example": REAL} == site.answers(["n1.example", "n2.example"])


def test_too_much_is_settled_and_nothing_lapses_meanwhile(site: Site) -> None:
    large(site)
    one(site, [*TEN[1:], "new.example"])
    site.ok("sync")
    many = [f"many{n}.example" for n in range(1200)]
    one(site, [*TEN[2:], "new.example", *many])
    done = site.ok("sync")
    assert "malware.rpz: changed, +1201 -1 ~0" in done.stdout
    fresh = (site.output / "current" / f"{FRESH}.rows").read_text()
    assert "new.example exact nxdomain\n" == fresh, "until the settled zone is loaded, it blocks"
    names = {"new.example": "NXDOMAIN", "many7.example": "NXDOMAIN", "n1.example": REAL}
    assert names == site.answers(names)
    assert "nothing to publish" in site.ok("sync").stdout
    one(site, [*TEN[2:], "new.example", *many[1:]])
    done = site.ok("sync")
    assert "fresh.malware.rpz: changed, +1 -1" in done.stdout
    names["many0.example"] = REAL
    assert names == site.answers(names)


def test_a_wider_block_that_goes_uncovers_what_is_below_it(site: Site) -> None:
    large(site)
    local(site, "three", b"*.deep.example\nx.deep.example\n", format="wildcard", max_change=0)
    site.ok("sync")
    (site.home / "three.txt").write_bytes(b"*.y.x.deep.example\n")
    local(site, "four", b"0.0.0.0 z.deep.example\n")
    site.ok("sync")
    names = {
        "a.y.x.deep.example": "NXDOMAIN",
        "x.deep.example": REAL,
        "b.deep.example": REAL,
        "z.deep.example": "NXDOMAIN",
    }
    assert names == site.answers(names)


def malware(site: Site) -> list[str]:
    """Return the zones of the group that are published, in order."""
    zones = site.ok("status", "--json").json()["zones"]
    return [zone["origin"] for zone in zones if "malware" in zone["origin"]]


def test_a_front_comes_when_the_set_of_zones_changes_anyway(site: Site) -> None:
    local(site, "one", text(TEN), format="domains", max_change=0)
    site.ok("sync")
    before = site.current
    site.setting(SETTING)
    site.ok("sync")
    assert [SETTLED] == malware(site), "not by itself"
    one(site, [*TEN, "new.example"])
    site.ok("sync")
    assert [SETTLED] == malware(site)
    local(site, "ads", text(["ad.example"]), format="domains", zone="ads")
    site.ok("sync")
    assert [FRESH, SETTLED] == malware(site), "with another group"
    assert before != site.current
    site.setting("[group.malware]\nmin_feeds = 2")
    site.ok("sync")
    assert [FRESH, SETTLED] == malware(site)
    site.ok("feeds", "disable", "ads")
    site.ok("sync")
    assert [SETTLED] == malware(site), "it was too small for long, and goes with another group"
    assert "nothing to publish" in site.ok("sync").stdout


def test_a_group_that_grew_gets_its_front_when_a_person_says_so(site: Site) -> None:
    site.setting("[policy]\nfresh_from = 12\n")
    local(site, "one", text(TEN), format="domains", max_change=0)
    site.ok("sync")
    one(site, [*TEN, "a.example", "b.example"])
    site.ok("sync")
    assert [SETTLED] == malware(site)
    assert "nothing to do" in site.ok("plan").stdout
    site.ok("apply", "--fresh-zones")
    assert [FRESH, SETTLED] == malware(site)
    one(site, TEN)
    assert "fresh.malware.rpz: changed, +2" in site.ok("sync").stdout
    assert REAL == site.answer("a.example")


def test_settings_templates_and_another_feed_make_it_whole(site: Site) -> None:
    large(site)
    one(site, [*TEN, "new.example"])
    local(site, "three", text(["third.example"]), format="domains")
    done = site.ok("sync")
    assert "malware.rpz: changed, +2 -0" in done.stdout
    site.setting("[group.malware]\nmin_feeds = 2")
    done = site.ok("sync")
    assert "malware.rpz: changed, +0 -12 ~0, 1 rows" in done.stdout
    assert REAL == site.answer("new.example")
    assert [FRESH, SETTLED] == malware(site), "not by itself: named would drop all policy"
    site.ok("apply", "--fresh-zones")
    assert [SETTLED] == malware(site), "a small zone needs none in front"
    assert REAL == site.answer("new.example")


def test_a_damaged_ledger_or_copy_makes_it_whole(site: Site) -> None:
    large(site)
    for turn, wreck in enumerate(
        [f"{SETTLED}.names", f"{SETTLED}.json", f"{SETTLED}.settled/one.parquet"]
    ):
        (site.state / "ledger" / wreck).write_bytes(b"?")
        one(site, [*TEN, f"new{turn}.example"])
        done = site.ok("sync")
        assert "malware.rpz: changed, +" in done.stdout.replace("fresh.", "?")
        assert "NXDOMAIN" == site.answer(f"new{turn}.example")


def test_random_days_give_what_one_zone_would(site: Site) -> None:
    large(site)
    chance = random.Random(4)
    names = [f"{a}{b}.d{b % 3}.example" for a in "abc" for b in range(8)]
    names += [f"d{n}.example" for n in range(3)]
    local(site, "three", text(names[:9]), format="domains", subdomains=True, max_change=0)
    for _ in range(12):
        lists = {"one": chance.sample(names, 12), "three": chance.sample(names, 4)}
        for feed, listed in lists.items():
            (site.home / f"{feed}.txt").write_bytes(text([*listed, *TEN]))
        site.ok("sync")
        wide = [*lists["three"], *TEN, "two.example"]
        for name in [*names, "x.a1.d1.example"]:
            dead = name in lists["one"] or any(f".{name}".endswith(f".{w}") for w in wide)
            assert ("NXDOMAIN" if dead else REAL) == site.answer(name), (name, lists)


def test_what_a_row_owes_to_the_zones_behind_goes_with_it(site: Site) -> None:
    large(site, 'order = ["malware", "ads"]')
    local(site, "three", text(["n1.example", "x.example"]), format="domains", zone="ads")
    site.ok("sync")
    one(site, [TEN[0], *TEN[2:]])
    site.ok("sync")
    assert "NXDOMAIN" == site.answer("n1.example"), "ads, of the same action, list it still"
    (site.home / "three.txt").write_bytes(text(["x.example"]))
    site.ok("sync")
    assert REAL == site.answer("n1.example")


def test_an_origin_that_has_no_room_for_two_zones_has_one(site: Site) -> None:
    site.setting(SETTING + f'suffix = "{"x" * 48}.rpz"')
    local(site, "one", text(TEN), format="domains")
    site.ok("sync")
    origins = [zone["origin"] for zone in site.ok("status", "--json").json()["zones"]]
    assert ["local.rpz", f"malware.{'x' * 48}.rpz"] == origins
    assert "NXDOMAIN" == site.answer("n1.example")


@pytest.mark.parametrize(
    "names", ['{"ev il.example": [true, true]}', '{"n1.example": ["x", 0]}', "[]"]
)
def test_damaged_changes_are_sought_again(site: Site, names: str) -> None:
    large(site)
    one(site, [*TEN[2:], "new.example"])
    site.ok("sync")
    path = site.state / "ledger" / f"{SETTLED}.settled" / "one.changes"
    between = json.dumps(json.loads(path.read_text())["between"])
    path.write_text(f'{{"between": {between}, "names": {names}}}')
    (site.home / "two.txt").write_bytes(text(["n0.example", "wide.example", "more.example"]))
    site.ok("sync")
    found = {"new.example": "NXDOMAIN", "more.example": "NXDOMAIN", "n1.example": REAL}
    assert found == site.answers(found)
