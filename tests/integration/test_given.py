"""A group that does what its feeds say: each trigger, each action, behind the guards."""

from tests.asking import ask
from tests.integration.test_feeds import local
from tests.servers import REAL, Site

FEED = b"""\
$TTL 300
@ SOA ns.vendor.test. h.vendor.test. 7 3600 600 604800 60
@ NS ns.vendor.test.
nx.example CNAME .
*.nx.example 60 IN CNAME .
good.nx.example CNAME rpz-passthru.
empty.example CNAME *. ; nothing there
silent.example CNAME rpz-drop.
tcp.example CNAME rpz-tcp-only.
walled.example CNAME garden.test.
*.walled.example CNAME *.garden.test.
data.example A 192.0.2.77
  TXT "told; by the vendor"
data.example A 192.0.2.78
24.0.2.0.192.rpz-ip CNAME *.
32.3.0.0.127.rpz-client-ip CNAME rpz-passthru.
"""


def set_up(site: Site, feed: bytes = FEED, **keys: str | bool | int) -> None:
    text = site.config.read_text()
    if "[group.vendor]" not in text:
        site.config.write_text(text + '\n[group.vendor]\naction = "given"\n')
    local(site, "vendor", feed, format="rpz", zone="vendor", **{"max_change": 0, **keys})


def test_each_trigger_does_what_the_feed_says(site: Site) -> None:
    set_up(site)
    done = site.ok("sync", "--json").json()
    assert done["applied"]["proven"]
    rows = {zone["zone"]: zone["added"] for zone in done["applied"]["plan"]["zones"]}
    assert rows["vendor.rpz"] == 10
    assert rows["answers.vendor.rpz"] == 1
    names = ["nx.example", "a.nx.example", "empty.example", "silent.example", "tcp.example"]
    assert [site.answer(name) for name in names] == [
        "NXDOMAIN",
        "NXDOMAIN",
        "nodata",
        "no answer",
        "truncated",
    ]
    assert ask(site.named.port, "walled.example", "CNAME") == "garden.test."
    assert ask(site.named.port, "a.walled.example", "CNAME") == "a.walled.example.garden.test."
    assert sorted(site.answer("data.example").split()) == ["192.0.2.77", "192.0.2.78"]
    assert ask(site.named.port, "data.example", "TXT") == '"told; by the vendor"'
    assert site.answer("any.example") == "nodata", f"its address is {REAL}"
    assert "by answers.vendor.rpz" in site.ok("why", REAL).stdout
    told = site.ok("test", "empty.example", "--live").stdout
    assert "nodata by vendor.rpz: empty.example" in told
    before = site.current
    assert "nothing to publish" in site.ok("sync").stdout
    assert site.current == before
    assert site.cli("check").status == 0
    set_up(site, FEED.replace(b"empty.example CNAME *.", b"empty.example CNAME ."))
    changed = site.ok("sync", "--json").json()["applied"]["plan"]["zones"]
    assert [zone["changed"] for zone in changed if zone["zone"] == "vendor.rpz"] == [1]
    assert site.answer("empty.example") == "NXDOMAIN"
    site.ok("rollback")
    assert site.answer("empty.example") == "nodata"


def test_what_passes_passes(site: Site) -> None:
    set_up(site, FEED.replace(b"24.0.2.0.192.rpz-ip CNAME *.\n", b""))
    site.ok("sync")
    assert site.answer("good.nx.example") == REAL
    assert site.answer("x.good.nx.example") == "NXDOMAIN", "it was said of the name alone"
    set_up(site, FEED.replace(b"24.0.2.0.192.rpz-ip CNAME *.\n", b""), exceptions=False)
    site.ok("sync")
    assert site.answer("good.nx.example") == "NXDOMAIN", "rpzctl is deaf to its exceptions"


def test_other_feeds_except_and_come_in_order(site: Site) -> None:
    local(site, "ads", b"||ads.example^\n@@||nx.example^\n", format="adblock", zone="ads")
    local(site, "a", b"shared.example CNAME *.\n", format="rpz", zone="vendor")
    set_up(site, FEED.replace(b"24.0.2.0.192.rpz-ip CNAME *.\n", b"shared.example CNAME .\n"))
    site.ok("sync")
    assert site.answer("a.nx.example") == REAL
    assert site.answer("shared.example") == "nodata", "the first feed of the group says so"
    assert site.answer("www.ads.example") == "NXDOMAIN"


def test_guards_hold_for_them_as_well(site: Site) -> None:
    hostile = (
        b"*.com CNAME .\nco.uk CNAME .\n*.google.com A 192.0.2.66\ndigicert.com CNAME .\n"
        b"8.0.0.0.10.rpz-ip CNAME .\n32.1.0.0.127.rpz-client-ip CNAME rpz-drop.\n"
        b"evil.example CNAME .\nns1.google.com.rpz-nsdname CNAME .\n"
    )
    set_up(site, hostile)
    done = site.ok("sync")
    assert "guards left out 7" in done.stderr
    assert site.answer("evil.example") == "NXDOMAIN"
    assert (site.output / "current" / "vendor.rpz.zone").read_text().count("CNAME") == 1


def test_what_passes_a_whole_suffix_is_not_listened_to(site: Site) -> None:
    passes = b"*.com CNAME rpz-passthru.\n1.0.0.0.128.rpz-client-ip CNAME rpz-passthru.\n"
    set_up(site, b"evil.com CNAME .\n" + passes)
    local(site, "ads", b"||ads.com^\n@@||com^\n", format="adblock", zone="ads")
    done = site.ok("sync")
    assert "vendor.rpz: guards left out 2" in done.stderr
    assert site.answers(["evil.com", "www.ads.com"]) == {
        "evil.com": "NXDOMAIN",
        "www.ads.com": "NXDOMAIN",
    }


def test_what_is_too_much_or_no_rpz_leaves_all_as_it_is(site: Site) -> None:
    set_up(site, b"evil.example CNAME .\n")
    site.ok("sync")
    lines = b"".join(b"n%d.example A 192.0.%d.%d\n" % (n, n // 250, n % 250) for n in range(2100))
    set_up(site, lines, min_names=0)
    done = site.ok("sync")
    assert "vendor.rpz stays as it is" in done.stderr
    assert "2000 different actions" in done.stderr
    assert site.answer("evil.example") == "NXDOMAIN"
    local(site, "vendor", b"other.example\n", format="domains", zone="vendor", max_change=0)
    assert "is no rpz" in site.ok("sync").stderr
    assert site.answer("evil.example") == "NXDOMAIN"


def test_into_it_and_out_of_it(site: Site) -> None:
    local(site, "vendor", FEED, format="rpz", zone="vendor", max_change=0)
    site.ok("sync")
    assert site.answer("empty.example") == "NXDOMAIN", "the group's action overrides"
    assert "vendor, exact" in site.ok("why", "empty.example").stdout
    set_up(site)
    site.ok("sync")
    assert site.answer("empty.example") == "nodata"
    told = site.ok("why", "empty.example")
    assert "by vendor.rpz: empty.example nodata" in told.stdout
    assert told.stderr == ""
    site.config.write_text(site.config.read_text().replace('"given"', '"drop"'))
    site.ok("sync")
    assert site.answer("empty.example") == "no answer"
    faulty = site.config.read_text().replace('"drop"', '"given"\nmin_feeds = 2')
    site.config.write_text(faulty)
    done = site.cli("sync")
    assert done.status == 2
    assert "min_feeds" in done.stderr


def test_what_a_configured_resolver_cannot_do_is_left_out(site: Site) -> None:
    more = b"32.9.113.0.203.rpz-nsip CNAME rpz-tcp-only.\nx.example CNAME garden.test.\n"
    set_up(site, b"evil.example CNAME .\n" + more)
    plain = site.config.read_text()
    for kind, lost in (("unbound", "ns-ip 203.0.113.9 tcp-only"), ("knot", "x.example cname")):
        site.config.write_text(f'{plain}\n[[resolver]]\nkind = "{kind}"\n')
        done = site.ok("sync", "--no-reload", "--now")
        assert "guards left out 1" in done.stderr
        assert lost in done.stderr
