"""Exceptions, consensus, top sites and age of feeds, on a live named."""

import json
import time

import pytest

from tests.integration.test_feeds import local
from tests.servers import REAL, Site


def test_an_exception_takes_names_out_of_all_feed_zones_but_not_of_the_operators(
    site: Site,
) -> None:
    local(
        site, "wide", b"||ads.example^\n||other.example^\n@@||good.ads.example^\n", format="adblock"
    )
    local(
        site,
        "plain",
        b"x.good.ads.example\nstill.example\nother.example\n",
        format="domains",
        zone="ads",
    )
    site.ok("block", "own.good.ads.example")
    done = site.ok("sync")
    assert "wide: new copy, 2 names, 1 exceptions" in done.stderr
    assert "ads.rpz: 1 names are excepted by a feed" in done.stderr
    dead, names = (
        "NXDOMAIN",
        {
            "ads.example": "NXDOMAIN",
            "bad.ads.example": "NXDOMAIN",
            "good.ads.example": REAL,
            "x.good.ads.example": REAL,
            "own.good.ads.example": "NXDOMAIN",
            "still.example": "NXDOMAIN",
        },
    )
    assert names == site.answers(list(names))
    assert dead == site.answer("other.example")
    assert 0 == site.cli("check").status


def test_the_gaps_that_an_exception_tears_are_filled(site: Site) -> None:
    local(site, "wide", b"||ads.example^\n@@|x.y.ads.example|\n", format="adblock")
    site.ok("sync")
    names = {
        "x.y.ads.example": REAL,
        "y.ads.example": "NXDOMAIN",
        "other.y.ads.example": "NXDOMAIN",
        "below.x.y.ads.example": "NXDOMAIN",
    }
    assert names == site.answers(list(names))


def test_an_exception_that_goes_blocks_again(site: Site) -> None:
    path = local(site, "wide", b"||ads.example^\n@@||good.ads.example^\n", format="adblock")
    local(site, "other", b"www.ads.example\n", format="domains", zone="ads")
    site.ok("sync")
    before = site.output / "current" / "ads.rpz.zone"
    inode = before.stat().st_ino
    path.write_bytes(b"||ads.example^\n")
    done = site.ok("sync")
    assert "good.ads.example passthru" in done.stdout
    assert "NXDOMAIN" == site.answer("good.ads.example")
    assert inode == before.stat().st_ino, "the other zone says the same as before"


def test_an_exception_of_a_public_suffix_lifts_nothing(site: Site) -> None:
    local(site, "one", b"||evil.com^\n@@||com^\n@@||co.uk^\n", format="adblock")
    site.ok("sync")
    assert "NXDOMAIN" == site.answer("evil.com")


def test_a_feed_whose_exceptions_are_not_listened_to(site: Site) -> None:
    local(site, "one", b"||evil.example^\n@@||evil.example^\n", format="adblock")
    site.ok("sync")
    assert REAL == site.answer("evil.example")
    local(site, "one", b"||evil.example^\n@@||evil.example^\n", format="adblock", exceptions=False)
    site.ok("apply")
    assert "NXDOMAIN" == site.answer("evil.example")


def test_names_that_too_few_feeds_list_are_not_blocked(site: Site) -> None:
    site.setting("[group.malware]\nmin_feeds = 2")
    local(site, "one", b"both.example\nalone.example\nbelow.wide.example\n", format="domains")
    local(site, "two", b"both.example\n*.wide.example\n", format="wildcard")
    done = site.ok("sync")
    assert "malware.rpz: 2 names are listed by too few feeds" in done.stderr
    names = {
        "both.example": "NXDOMAIN",
        "alone.example": REAL,
        "below.wide.example": "NXDOMAIN",
        "wide.example": REAL,
        "other.wide.example": REAL,
    }
    assert names == site.answers(list(names))


def test_a_top_site_is_refused_from_threat_feeds_and_told_of_others(site: Site) -> None:
    names = b"google.com\nwww.microsoft.com\ngithub.com\nevil.example\nevil.github.com\n"
    local(site, "threat", names, format="domains")
    local(site, "ads", b"facebook.com\nbanner.example\n", format="domains", zone="ads", kind="ads")
    done = site.ok("sync")
    assert "malware.rpz: guards left out 3 names: " in done.stderr
    assert "ads.rpz: blocks facebook.com, which would take away facebook.com" in done.stderr
    answers = {
        "google.com": REAL,
        "www.microsoft.com": REAL,
        "github.com": REAL,
        "evil.github.com": "NXDOMAIN",
        "facebook.com": "NXDOMAIN",
        "evil.example": "NXDOMAIN",
    }
    assert answers == site.answers(list(answers))


@pytest.mark.parametrize(("stale", "answer"), [("keep", "NXDOMAIN"), ("drop", REAL)])
def test_a_stale_copy_is_told_and_leaves_if_so_configured(
    site: Site, stale: str, answer: str
) -> None:
    path = local(site, "one", b"evil.example\n", format="domains", max_age="1d", stale=stale)
    site.ok("sync")
    path.unlink()
    assert "old; " not in site.cli("sync").stderr
    record = site.state / "feeds" / "one" / "record.json"
    value = json.loads(record.read_text())
    then = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - 3 * 86_400))
    record.write_text(json.dumps({**value, "last_ok": then}))
    done = site.cli("apply")
    assert "one: its last good copy is 3 d old; its names" in done.stderr
    assert answer == site.answer("evil.example")


@pytest.mark.parametrize("text", [None, b"junk", b"\xff 1\n"])
def test_exceptions_that_were_lost_are_read_again(site: Site, text: bytes | None) -> None:
    local(site, "one", b"||ads.example^\n@@||good.ads.example^\n", format="adblock")
    site.ok("sync")
    kept = site.state / "feeds" / "one" / "exceptions"
    kept.write_bytes(text) if text else kept.unlink()
    site.setting("[group.malware]\naction = 'nodata'")
    site.ok("apply")
    assert {"ads.example": "nodata", "good.ads.example": REAL} == site.answers(
        ["ads.example", "good.ads.example"]
    )
