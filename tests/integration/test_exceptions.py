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


def test_a_guarded_name_has_no_vote_in_a_consensus(site: Site) -> None:
    site.setting("[group.malware]\nmin_feeds = 2")
    local(site, "one", b"||com^\n||google.com^\n||both.example^\n", format="adblock")
    local(site, "two", b"evil.com\nmine.google.com\nboth.example\n", format="domains")
    assert "guards left out 2 names" in site.ok("sync").stderr
    names = {"evil.com": REAL, "mine.google.com": REAL, "both.example": "NXDOMAIN"}
    assert names == site.answers(list(names))


def test_a_feeds_wide_word_that_is_refused_does_not_take_others_with_it(site: Site) -> None:
    site.config.write_text(
        site.config.read_text().replace("protect = []", 'protect = ["safe.bank.example"]')
    )
    local(site, "exact", b"bank.example\n", format="domains")
    local(site, "wide", b"||bank.example^\n", format="adblock")
    site.ok("sync")
    names = {"bank.example": "NXDOMAIN", "safe.bank.example": REAL, "www.bank.example": REAL}
    assert names == site.answers(list(names))


@pytest.mark.parametrize(
    ("setting", "definition"),
    [
        ("[group.malware]\nmin_feeds = 2", {}),
        ("[guards]\nprotect = ['evil.example']", {}),
        ("", {"exceptions": False}),
        ("", {"subdomains": False}),
    ],
)
def test_what_a_setting_changes_reaches_the_resolver(
    site: Site, setting: str, definition: dict[str, bool]
) -> None:
    text = b"||evil.example^\n||good.example^\n@@||good.example^\n"
    local(site, "one", text, format="adblock")
    site.ok("sync")
    names = ["evil.example", "www.evil.example", "good.example"]
    before = site.answers(names)
    local(site, "one", text, format="adblock", **definition)
    if "guards" in setting:
        site.config.write_text(
            site.config.read_text().replace("protect = []", "protect = ['evil.example']")
        )
    elif setting:
        site.setting(setting)
    site.ok("apply")
    assert before != site.answers(names)


def test_a_feed_that_becomes_one_of_ads_may_block_a_top_site(site: Site) -> None:
    local(site, "one", b"facebook.com\n", format="domains")
    site.ok("sync")
    assert REAL == site.answer("facebook.com")
    local(site, "one", b"facebook.com\n", format="domains", kind="ads")
    site.ok("apply")
    assert "NXDOMAIN" == site.answer("facebook.com")


def test_another_list_of_top_sites_reaches_the_resolver(site: Site) -> None:
    local(site, "one", b"evil.example\n", format="domains")
    site.ok("sync")
    (site.repo / "tops.csv").write_text("1,evil.example\n2,other.example\n")
    text = site.config.read_text().replace("protect = []", 'protect = []\ntop_sites = "tops.csv"')
    site.config.write_text(text)
    site.ok("apply")
    assert REAL == site.answer("evil.example")


def test_a_lost_copy_does_not_empty_the_policy(site: Site) -> None:
    import shutil

    path = local(site, "one", b"evil.example\n", format="domains")
    local(site, "two", b"bad.example\n", format="domains")
    site.ok("sync")
    shutil.rmtree(site.state / "feeds" / "one")
    path.rename(path.with_suffix(".away"))
    for command in ("apply", "sync"):
        done = site.cli(command)
        assert "malware.rpz stays as it is published: the good copy of one is gone" in done.stderr
        assert "NXDOMAIN" == site.answer("evil.example")
    shutil.rmtree(site.state / "feeds")
    shutil.rmtree(site.state / "ledger")
    assert "stays as it is published" in site.cli("apply").stderr
    assert {"evil.example": "NXDOMAIN", "bad.example": "NXDOMAIN"} == site.answers(
        ["evil.example", "bad.example"]
    )
    path.with_suffix(".away").rename(path)
    site.ok("sync", "--now")
    assert "stays" not in site.ok("apply").stderr


def test_an_exception_too_long_for_the_zone_is_told(site: Site) -> None:
    long = ".".join(["a" * 60] * 4)[:228] + ".wide.example"
    local(site, "one", f"||wide.example^\n@@||{long}^\n".encode(), format="adblock")
    done = site.ok("sync")
    assert f"malware.rpz blocks {long}, which is excepted but too long" in done.stderr
    assert "blocked" == site.ok("why", long, "--json").json()["verdict"]
