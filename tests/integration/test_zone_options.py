"""Options of policy zones in named: how long answers are kept, how often zones change, the SOA."""

import time

import dns.rdatatype

from tests.asking import reply
from tests.integration.test_feeds import local
from tests.servers import REAL, Site

LIST = b"0.0.0.0 c2.bad.example\n"


def settings(site: Site, text: str) -> None:
    site.config.write_text(f"{site.config.read_text()}\n{text}\n")


def test_without_the_soa_a_change_is_proved_by_its_canary(site: Site) -> None:
    site.ok("block", "seen.example")
    assert [dns.rdatatype.SOA] == [
        each.rdtype for each in reply(site.named.port, "seen.example").additional
    ]
    settings(site, "[policy]\nadd_soa = false")
    local(site, "new", LIST + b"0.0.0.0 ok.bad.example\n")
    assert site.ok("sync", "--json").json()["applied"]["proven"]
    done = site.ok("block", "evil.example", "--json").json()["applied"]
    assert (True, True) == (done["published"], done["proven"])
    site.ok("allow", "ok.bad.example")
    assert [] == reply(site.named.port, "evil.example").additional
    for name in ("evil.example", "c2.bad.example"):
        assert "NXDOMAIN" == site.answer(name)
        assert "as the policy says" in site.ok("test", name, "--live").stdout
    assert REAL == site.answer("ok.bad.example")
    assert "as the policy says" in site.ok("test", "ok.bad.example", "--live").stdout
    assert site.ok("status", "--json").json()["live"]


def test_named_takes_up_changes_no_oftener_than_it_is_told(site: Site) -> None:
    settings(site, "[group.malware]\nmin_update_interval = 3")
    path = local(site, "new", LIST, max_change=0)
    site.ok("sync")
    path.write_bytes(LIST + b"0.0.0.0 more.bad.example\n")
    begun = time.monotonic()
    assert site.ok("sync", "--now", "--json").json()["applied"]["proven"]
    assert time.monotonic() - begun > 1, "it waited for what named put off"
    assert "NXDOMAIN" == site.answer("more.bad.example")
    begun = time.monotonic()
    site.ok("block", "evil.example")
    assert time.monotonic() - begun < 3, "the operator's zone does not wait"


def test_how_long_answers_of_a_group_are_kept(site: Site) -> None:
    settings(site, '[group.malware]\naction = "sinkhole"\nmax_policy_ttl = 2')
    local(site, "new", LIST)
    site.ok("sync")
    site.ok("block", "evil.example", "--action", "sinkhole")
    assert 2 == reply(site.named.port, "c2.bad.example").answer[0].ttl
    assert 2 < reply(site.named.port, "evil.example").answer[0].ttl
    assert "max_policy_ttl" not in site.ok("check").stdout
    told = site.cli("check", "--engine", "knot").stdout
    assert "max_policy_ttl does nothing on knot" in told
