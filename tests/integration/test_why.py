"""`rpzctl why`: who says so, where, since when; and the resolver agrees."""

import json
import time
from typing import Any

from rpzctl import places
from tests.integration.test_feeds import local
from tests.servers import REAL, Site


def why(site: Site, name: str) -> dict[str, Any]:
    found: dict[str, Any] = site.ok("why", name, "--json").json()
    assert {"blocked": False, "allowed": True, "neither": True}[found["verdict"]] == (
        REAL == site.answer(name)
    ), "the resolver agrees"
    return found


def test_a_feed_its_line_and_its_days(site: Site) -> None:
    local(site, "one", b"# top\n0.0.0.0 other.example\n0.0.0.0 EVIL.example # c2\n")
    local(site, "two", b"evil.example.com\nnotevil.example\nevil.example\n", format="domains")
    site.ok("sync")
    found = why(site, "evil.example")
    assert ("blocked", "malware.rpz", "evil.example", "nxdomain") == tuple(
        found[key] for key in ("verdict", "zone", "owner", "action")
    )
    [listed] = found["listed"]
    assert [("one", 3, "0.0.0.0 EVIL.example # c2"), ("two", 3, "evil.example")] == [
        (said["feed"], said["line"], said["text"]) for said in listed["said"]
    ]
    today = time.strftime("%Y-%m-%d", time.gmtime())
    assert listed["said"][0]["first_seen"].startswith(today)
    assert listed["said"][0]["last_seen"].startswith(today)
    text = site.ok("why", "hxxps://evil[.]example/x").stdout
    assert "evil.example is blocked by malware.rpz: evil.example nxdomain" in text
    assert "feed two, exact, line 3: evil.example (first seen " in text


def test_parents_decide_and_the_first_zone_wins(site: Site) -> None:
    site.setting('[policy]\norder = ["phishing", "ads"]\n[group.ads]\naction = "nodata"')
    local(site, "ads", b"||wide.example^\n", format="adblock", zone="ads")
    local(site, "phish", b"deep.wide.example\n", format="domains", zone="phishing")
    site.ok("sync")
    found = why(site, "deep.wide.example")
    assert ("phishing.rpz", "deep.wide.example") == (found["zone"], found["owner"])
    assert ["phishing.rpz", "ads.rpz"] == [each["zone"] for each in found["listed"]]
    found = json.loads(site.ok("why", "x.deep.wide.example", "--json").stdout)
    assert ("ads.rpz", "*.wide.example", "nodata") == (
        found["zone"],
        found["owner"],
        found["action"],
    )
    assert ["only the name itself is meant", ""] == [each["reason"] for each in found["listed"]]


def test_the_operators_rules_come_first(site: Site) -> None:
    local(site, "one", b"evil.example\n", format="domains", subdomains=True)
    site.ok("sync")
    site.ok("block", "bad.example", "--reason", "case 7")
    site.ok("allow", "good.evil.example")
    site.ok("block", "hole.example", "--via", "zone")
    found = why(site, "www.bad.example")
    assert ("blocked", "local.rpz", "*.bad.example") == tuple(
        found[key] for key in ("verdict", "zone", "owner")
    )
    [rule] = found["rules"]
    assert ("case 7", True) == (rule["reason"], ":" in rule["where"])
    found = why(site, "good.evil.example")
    assert ("allowed", "local.rpz") == (found["verdict"], found["zone"])
    assert [True] == [each["blocks"] for each in found["listed"]], "the feed would have"
    assert "hole.example" == why(site, "a.hole.example")["zone"]


def test_guards_and_exceptions_are_named(site: Site) -> None:
    local(
        site,
        "one",
        b"||ads.example^\n||github.com^\n||co.uk^\n@@||ok.ads.example^\n",
        format="adblock",
    )
    site.ok("sync")
    found = why(site, "ok.ads.example")
    assert "allowed" == found["verdict"]
    assert ["a feed excepts it"] == [each["reason"] for each in found["listed"]]
    assert [("one", 4)] == [(said["feed"], said["line"]) for said in found["excepted"]]
    found = why(site, "github.com")
    assert "neither" == found["verdict"]
    assert ["a guard left it out: its block would take away a top site"] == [
        each["reason"] for each in found["listed"]
    ]
    assert (
        "a guard left it out: it is a public suffix" == why(site, "x.co.uk")["listed"][0]["reason"]
    )


def test_what_feeds_listed_once_is_remembered(site: Site) -> None:
    path = local(site, "one", b"evil.example\nstays.example\n", format="domains")
    site.ok("sync")
    first = why(site, "stays.example")["listed"][0]["said"][0]["first_seen"]
    path.write_bytes(b"stays.example\nnew.example\n")
    site.ok("sync")
    found = why(site, "evil.example")
    assert ("neither", ["evil.example"]) == (
        found["verdict"],
        [each["name"] for each in found["gone"]],
    )
    assert "evil.example was listed until" in site.ok("why", "evil.example").stdout
    assert first == why(site, "stays.example")["listed"][0]["said"][0]["first_seen"]
    path.write_bytes(b"stays.example\nevil.example\n")
    site.ok("sync")
    assert [] == why(site, "evil.example")["gone"]


def test_a_lost_ledger_is_told_and_written_again(site: Site) -> None:
    local(site, "one", b"evil.example\n", format="domains")
    site.ok("sync")
    for path in (site.state / "ledger").iterdir():
        path.unlink()
    done = site.ok("why", "evil.example")
    assert "who lists what in malware.rpz is not known: 'rpzctl apply'" in done.stderr
    before = site.current
    site.ok("apply")
    assert before == site.current, "the policy is the same"
    assert "blocked" == why(site, "evil.example")["verdict"]


def test_why_takes_no_nonsense(site: Site) -> None:
    done = site.cli("why", "not a name")
    assert (2, True) == (done.status, "has a space" in done.stderr)
    assert "neither" == why(site, "unheard.example")["verdict"]


def test_the_verdict_is_of_what_is_published_whatever_was_edited_since(site: Site) -> None:
    local(site, "one", b"||evil.example^\n@@||good.example^\n@@||com^\n", format="adblock")
    local(site, "two", b"good.example\nevil.com\n", format="domains", zone="ads")
    site.ok("sync")
    names = ["evil.example", "x.evil.example", "good.example", "evil.com"]
    before = [why(site, name)["verdict"] for name in names]
    assert ["blocked", "blocked", "allowed", "blocked"] == before
    local(site, "one", b"", format="adblock", exceptions=False)
    local(site, "two", b"", format="domains", zone="ads", enabled=False)
    site.setting("[group.malware]\naction = 'nodata'")
    after = [why(site, name)["verdict"] for name in names]
    assert [word.replace("allowed", "neither") for word in before] == [
        word.replace("allowed", "neither") for word in after
    ]
    assert "nxdomain" == why(site, "evil.example")["action"]


def test_the_line_in_a_large_copy_is_looked_for_when_asked(site: Site) -> None:
    more = b"".join(b"n%d.example\n" % number for number in range(1000))
    comments = (b"#" * 1023 + b"\n") * (places.ROOM >> 10)
    local(site, "large", comments + more + b"Evil.example\n", format="domains")
    local(site, "small", b"other.example\nevil.example\n", format="domains")
    local(site, "pass", b"@@||evil.example^\n" + b"!" * places.ROOM, format="adblock")
    site.ok("sync")
    found = why(site, "evil.example")
    large, small = found["listed"][0]["said"]
    copy = site.state / "feeds" / "large" / "data"
    assert (False, None, None, str(copy)) == tuple(
        large[key] for key in ("searched", "line", "text", "copy")
    )
    assert (True, 2, "evil.example") == tuple(small[key] for key in ("searched", "line", "text"))
    assert (False, None) == tuple(found["excepted"][0][key] for key in ("searched", "line"))
    note = "in the large copy of large, pass; to look for it: rpzctl why --lines evil.example"
    assert note in "".join(found["notes"])
    shown = site.ok("why", "evil.example")
    assert f"feed large, exact, in {copy} (first seen " in shown.stdout
    assert note in shown.stderr

    every = site.ok("why", "--lines", "evil.example", "--json").json()
    line = (places.ROOM >> 10) + 1001
    assert [(True, line, "Evil.example"), (True, 2, "evil.example")] == [
        (said["searched"], said["line"], said["text"]) for said in every["listed"][0]["said"]
    ]
    assert (True, 1) == tuple(every["excepted"][0][key] for key in ("searched", "line"))
    assert [] == every["notes"]
    assert {k: v for k, v in found.items() if k not in {"listed", "excepted", "notes"}} == {
        k: v for k, v in every.items() if k not in {"listed", "excepted", "notes"}
    }


def test_a_damaged_ledger_does_not_change_the_verdict_and_is_mended(site: Site) -> None:
    local(site, "one", b"evil.example\n", format="domains")
    site.ok("sync")
    (site.state / "ledger" / "malware.rpz.names").write_bytes(b"")
    assert "blocked" == why(site, "evil.example")["verdict"]
    assert "is not known" in site.ok("why", "evil.example").stderr
    site.ok("apply")
    assert 1 == len(why(site, "evil.example")["listed"])
