"""Feeds on a live named: what a publisher gives becomes policy, what he breaks does not."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.publisher import Publisher, publishing
from tests.servers import REAL, Result, Site

SAMPLES = Path(__file__).parents[3] / "shared" / "feeds"
GOOD = b"# a good day\n" + b"".join(b"0.0.0.0 n%d.bad.example\n" % n for n in range(400))


@pytest.fixture
def publisher() -> Iterator[Publisher]:
    with publishing() as made:
        yield made


def define(site: Site, name: str, url: str, **keys: str | bool | int) -> None:
    """Write a feed definition that is enabled."""
    merged = {"url": url, "format": "hosts", "zone": "malware", "enabled": True, **keys}
    if url.startswith("http:"):
        merged.setdefault("plain_http", True)
    lines = [
        f"{key} = {str(value).lower() if isinstance(value, bool | int) else repr(value)}"
        for key, value in merged.items()
    ]
    (site.repo / "feeds" / f"{name}.toml").write_text("\n".join(lines) + "\n")


def local(site: Site, name: str, text: bytes, **keys: str | bool | int) -> Path:
    """Define a feed that is a file, and write it."""
    path = site.home / f"{name}.txt"
    path.write_bytes(text)
    define(site, name, path.as_uri(), **keys)
    return path


def test_what_the_operator_lets_pass_is_no_fault_of_a_feed(site: Site) -> None:
    site.ok("allow", "*.shop.example")
    local(site, "one", b"*.shop.example\nshop.example\n", format="domains", subdomains=True)
    assert site.ok("sync", "--json").json()["applied"]["proven"]
    assert site.answers(["shop.example", "www.shop.example"]) == {
        "shop.example": "NXDOMAIN",
        "www.shop.example": REAL,
    }
    site.ok("allow", REAL, "--force")
    local(site, "two", b"new.example\n", format="domains")
    assert site.ok("sync", "--json").json()["applied"]["proven"]
    assert site.answer("new.example") == REAL, "its address passes in the zone in front"


def test_a_feed_becomes_a_policy_zone_and_goes_again(site: Site) -> None:
    local(site, "one", b"0.0.0.0 c2.bad.example\n0.0.0.0 Upper.Bad.Example\n")
    done = site.ok("sync")
    assert "live: generation 2 (malware.rpz " in done.stdout
    assert {"c2.bad.example": "NXDOMAIN", "upper.bad.example": "NXDOMAIN"} == site.answers(
        ["c2.bad.example", "upper.bad.example"]
    )
    assert REAL == site.answer("below.c2.bad.example"), "hosts files mean exact names"
    site.ok("feeds", "disable", "one")
    site.ok("apply")
    assert REAL == site.answer("c2.bad.example")
    assert ["local.rpz"] == [z["origin"] for z in site.ok("status", "--json").json()["zones"]]


def test_subdomains_is_a_setting_of_the_feed(site: Site) -> None:
    local(site, "one", b"bad.example\n", format="domains", subdomains=True)
    site.ok("sync")
    assert {"bad.example": "NXDOMAIN", "a.b.bad.example": "NXDOMAIN"} == site.answers(
        ["bad.example", "a.b.bad.example"]
    )


def test_a_group_has_its_action_and_its_place(site: Site) -> None:
    site.setting('[policy]\norder = ["phishing", "ads"]\n[group.ads]\naction = "sinkhole"')
    local(site, "ads", b"0.0.0.0 banner.example\n0.0.0.0 both.example\n", zone="ads")
    local(site, "phish", b"0.0.0.0 login.example\n0.0.0.0 both.example\n", zone="phishing")
    site.ok("sync")
    zones = [z["origin"] for z in site.ok("status", "--json").json()["zones"]]
    assert ["local.rpz", "phishing.rpz", "ads.rpz"] == zones
    assert {
        "banner.example": "127.0.0.1",
        "login.example": "NXDOMAIN",
        "both.example": "NXDOMAIN",
    } == site.answers(["banner.example", "login.example", "both.example"])


def test_the_operator_decides_before_feeds(site: Site) -> None:
    local(site, "one", b"0.0.0.0 good.example\n0.0.0.0 victim.example\n")
    site.ok("allow", "good.example")
    site.ok("block", "victim.example", "--via", "zone")
    site.ok("sync")
    assert {"good.example": REAL, "victim.example": "127.0.0.1"} == site.answers(
        ["good.example", "victim.example"]
    )


def test_block_leaves_feed_zones_alone(site: Site) -> None:
    local(site, "one", GOOD)
    site.ok("sync")
    zone = site.output / "current" / "malware.rpz.zone"
    before = zone.stat()
    site.ok("block", "evil.example")
    after = zone.stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    assert 1 == site.named.log().count("zone malware.rpz/IN: loaded serial")


def test_nothing_new_leaves_no_trace(site: Site, publisher: Publisher) -> None:
    define(site, "web", publisher.gives("/list", GOOD, etag='"v1"'))
    site.ok("sync")
    before = site.current
    done = site.ok("sync", "--json").json()
    assert ("same", False) == (done["feeds"][0]["status"], done["applied"]["published"])
    assert before == site.current
    assert '"v1"' == publisher.asked[-1][1]["If-None-Match"]
    assert publisher.asked[-1][1]["User-Agent"].startswith("rpzctl/")


def test_when_every_feed_fails_the_exit_code_says_so(site: Site, publisher: Publisher) -> None:
    define(site, "web", publisher.url("/missing"))
    done = site.cli("sync")
    assert (1, True) == (done.status, "has no good copy yet" in done.stderr)


def test_a_swing_is_taken_when_accepted(site: Site) -> None:
    path = local(site, "one", GOOD)
    site.ok("sync")
    path.write_bytes(GOOD[:2000])
    assert "--accept one" in site.cli("sync").stderr
    assert "NXDOMAIN" == site.answer("n399.bad.example")
    site.ok("sync", "--accept", "one")
    assert REAL == site.answer("n399.bad.example")
    assert "NXDOMAIN" == site.answer("n7.bad.example")


def test_a_feed_cannot_take_suffixes_or_protected_names(site: Site) -> None:
    text = site.config.read_text().replace("protect = []", 'protect = ["ours.example"]')
    site.config.write_text(text)
    names = b"com\nco.uk\nours.example\nwww.ours.example\npool.ntp.org\nevil.co.uk\n"
    local(site, "one", names, format="domains", subdomains=True)
    done = site.ok("sync")
    assert "guards left out 5 names" in done.stderr
    answers = site.answers(["a.com", "a.co.uk", "www.ours.example", "pool.ntp.org", "evil.co.uk"])
    assert [REAL, REAL, REAL, REAL, "NXDOMAIN"] == list(answers.values())


def test_hostile_text_in_a_feed_comes_to_nothing(site: Site) -> None:
    hostile = (
        b"good.example CNAME rpz-passthru.\n$ORIGIN com.\n$INCLUDE /etc/passwd\n"
        b"{{ 7*7 }}.example\n\x1b]0;title\x07.example\nevil.example\n*.wild.example\n"
        b"a.example\nb.example\nc.example\nd.example\ne.example\n"
    )
    local(site, "one", hostile, format="domains")
    done = site.ok("sync")
    assert "6 lines rejected" in done.stderr
    assert "\x1b" not in done.stderr + done.stdout
    zone = (site.output / "current" / "malware.rpz.zone").read_text()
    assert "passthru" not in zone
    assert 6 == zone.count(" CNAME .\n")


def test_an_unknown_key_in_a_definition_is_told_with_the_nearest(site: Site) -> None:
    define(site, "one", "file:///nowhere", subdomain=True)
    done = site.cli("sync")
    assert 2 == done.status
    assert "one.toml: unknown key 'subdomain'; did you mean 'subdomains'?" in done.stderr


def test_feed_zones_that_do_not_come_true_are_put_back_alone(site: Site, tmp_path: Path) -> None:
    path = local(site, "one", GOOD)
    site.ok("sync")
    site.impatient()
    path.write_bytes(GOOD + b"0.0.0.0 fresh.bad.example\n")
    done = rndc_that_lies(site, tmp_path, "sync")
    assert 5 == done.status, done
    assert "malware.rpz: serial" in done.stderr
    assert REAL == site.answer("fresh.bad.example")
    assert "NXDOMAIN" == site.answer("n7.bad.example")
    site.ok("block", "evil.example")
    site.ok("apply")
    assert "NXDOMAIN" == site.answer("fresh.bad.example")


def rndc_that_lies(site: Site, folder: Path, *command: str) -> Result:
    """Run a command with an rndc first in PATH that does nothing and claims success."""
    tools = folder / "lies"
    tools.mkdir(exist_ok=True)
    (tools / "rndc").write_text("#!/bin/sh\nexit 0\n")
    (tools / "rndc").chmod(0o755)
    return site.cli(*command, env={"PATH": f"{tools}:{os.environ['PATH']}"})


@pytest.mark.skipif(
    not SAMPLES.is_dir(), reason="the field's real feeds are not beside the checkout"
)
def test_real_feeds_sync_without_a_hand_on_them(site: Site) -> None:
    for kind in ("hosts", "domains"):
        for number, path in enumerate(sorted((SAMPLES / kind).glob("*/*"))):
            define(site, f"{kind}{number}", path.as_uri(), format=kind, zone=kind)
    done = site.ok("sync", "--json").json()
    faults = {feed["fault"].partition(" ")[0] for feed in done["feeds"] if feed["fault"]}
    assert {"has"} == faults, "only the list of junk is refused: it has 0 names"
    assert done["applied"]["proven"]
    last = (SAMPLES / "domains/stamparm/blackbook.txt").read_text().split()[-1]
    assert "NXDOMAIN" == site.answer(last)
    rows = {z["origin"]: z["rows"] for z in site.ok("status", "--json").json()["zones"]}
    assert rows["hosts.rpz"] > 17_000
    assert rows["domains.rpz"] > 89_000
    assert 0 == site.cli("check").status
