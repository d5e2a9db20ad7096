"""Networks in feeds, on a live named: rules on the addresses of answers, behind all names."""

import ipaddress

import pytest

from rpzctl.answers import widest
from tests.integration.test_feeds import local
from tests.servers import Site

ADDRESSES = "answers.malware.rpz"
NETS = b"198.51.101.0/24\n198.51.101.7\n2001:db9::/32\n10.0.0.0/8\n"


@pytest.mark.parametrize(
    ("given", "left"),
    [
        (["192.0.2.0/24", "192.0.2.7/32", "192.0.3.0/24"], ["192.0.2.0/24", "192.0.3.0/24"]),
        (["2001:db8::/32", "2001:db8:1::/48", "10.0.0.0/8"], ["10.0.0.0/8", "2001:db8::/32"]),
        (["0.0.0.0/1", "128.0.0.0/1", "::/0"], ["0.0.0.0/1", "128.0.0.0/1", "::/0"]),
        ([], []),
    ],
)
def test_a_network_in_another_needs_no_row(given: list[str], left: list[str]) -> None:
    assert [str(net) for net in widest(map(ipaddress.ip_network, given))] == left


def origins(site: Site) -> list[str]:
    return [zone["origin"] for zone in site.ok("status", "--json").json()["zones"]]


def rows(site: Site, origin: str = ADDRESSES) -> list[str]:
    text = (site.output / "current" / f"{origin}.rows").read_text()
    return [line.split(" ")[0] for line in text.splitlines()]


def test_a_network_of_a_feed_is_a_rule_on_answers(site: Site) -> None:
    hosted = site.home / "hosted.zone"
    hosted.write_text(
        "$TTL 60\n@ SOA a. b. 1 1 1 1 1\n@ NS localhost.\nbad A 198.51.101.9\ngood A 192.0.2.9\n"
    )
    site.include(zones=f'zone "hosted.test" {{ type primary; file "{hosted}"; }};\n')
    site.named.stop()
    site.named.start()
    local(site, "names", b"0.0.0.0 c2.bad.example\n")
    local(site, "nets", NETS, format="ips")
    assert "3 networks, 1 networks refused by guards" in site.ok("sync").stderr
    assert site.answer("bad.hosted.test") == "NXDOMAIN"
    assert site.answer("good.hosted.test") == "192.0.2.9"
    assert site.answer("c2.bad.example") == "NXDOMAIN"
    assert origins(site) == ["local.rpz", "malware.rpz", ADDRESSES]
    assert "24.0.101.51.198.rpz-ip" in rows(site)
    assert "32.zz.db9.2001.rpz-ip" in rows(site)
    assert "32.7.101.51.198.rpz-ip" not in rows(site), "it is in another"
    assert not any(row.startswith("8.") for row in rows(site)), "guards"
    assert "nothing to publish" in site.ok("sync").stdout
    assert site.ok("status", "--json").json()["live"]
    assert site.cli("check").status == 0
    verdict = site.ok("test", "x.example", "--answer", "198.51.101.9", "--json").json()
    assert ADDRESSES in str(verdict)
    site.ok("allow", "198.51.101.0/24")
    assert site.answer("bad.hosted.test") == "198.51.101.9"
    verdict = site.ok("test", "x.example", "--answer", "198.51.101.9", "--json").json()
    assert "local.rpz" in str(verdict), "the operator's word comes first"


def test_networks_come_and_go_with_their_feeds(site: Site) -> None:
    path = local(site, "nets", NETS, format="ips", max_change=0)
    site.ok("sync")
    assert origins(site) == ["local.rpz", "malware.rpz", ADDRESSES]
    path.write_bytes(NETS + b"198.51.102.0/24\n")
    done = site.ok("sync")
    assert f"{ADDRESSES}: changed, +1 -0 ~0, 3 rows" in done.stdout
    local(site, "more", b"198.51.102.0/24\n203.0.114.0/24\n", format="ips")
    site.setting("[group.malware]\nmin_feeds = 2")
    site.ok("sync")
    assert rows(site) == ["24.0.102.51.198.rpz-ip"]
    (site.state / "feeds/nets/networks").write_text("junk")
    site.setting('action = "nodata"')
    site.ok("sync")
    assert rows(site) == ["24.0.102.51.198.rpz-ip"], "read again from the copy"
    site.ok("feeds", "disable", "nets")
    site.ok("feeds", "disable", "more")
    site.ok("apply")
    assert origins(site) == ["local.rpz"]
    assert "nothing to do" in site.ok("plan").stdout


def test_networks_stay_while_a_copy_is_gone(site: Site) -> None:
    local(site, "nets", NETS, format="ips")
    local(site, "names", b"0.0.0.0 c2.bad.example\n")
    site.ok("sync")
    for name in ("data", "record.json", "networks"):
        (site.state / "feeds/nets" / name).unlink()
    (site.home / "nets.txt").write_bytes(b"<!DOCTYPE html>")
    site.cli("sync")
    assert "24.0.101.51.198.rpz-ip" in rows(site)


def test_a_policy_zones_own_networks_are_applied(site: Site) -> None:
    zone = b"$TTL 60\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\nevil.example CNAME .\n"
    zone += b"24.0.101.51.198.rpz-ip CNAME .\n"
    local(site, "zone", zone, format="rpz")
    site.ok("sync")
    assert rows(site) == ["24.0.101.51.198.rpz-ip"]
    assert site.answer("evil.example") == "NXDOMAIN"


def test_why_an_address_is_blocked(site: Site) -> None:
    local(site, "nets", NETS, format="ips")
    site.ok("sync")
    found = site.ok("why", "198.51.101.7", "--json").json()
    assert (found["verdict"], found["zone"]) == ("blocked", ADDRESSES)
    assert found["owner"] == "24.0.101.51.198.rpz-ip"
    assert [each["network"] for each in found["listed"]] == ["198.51.101.0/24", "198.51.101.7"]
    told = site.ok("why", "10[.]1.2.3").stdout
    assert "neither blocked nor allowed" in told
    assert "10.0.0.0/8, feed nets" in told
    assert "a guard left it out: it is private" in told
    site.ok("allow", "198.51.101.0/24", "--reason", "ours")
    told = site.ok("why", "198.51.101.7").stdout
    assert "is allowed by local.rpz" in told
    assert "rule allow 198.51.101.0/24" in told
    assert site.ok("why", "2001:db9::1", "--json").json()["verdict"] == "blocked"
    assert site.ok("why", "203.0.114.1", "--json").json()["verdict"] == "neither"
    refused = site.cli("why", "198.51.101.0/24")
    assert (refused.status, "is a network" in refused.stderr) == (2, True)
    assert "rpzctl why 198.51.101.0\n" in refused.stderr


def test_why_tells_what_has_no_effect_on_an_address(site: Site) -> None:
    with site.config.open("a") as out:
        out.write('[group.malware]\nmin_feeds = 2\n[group.tried]\nmode = "monitor"\n')
    local(site, "nets", NETS, format="ips")
    local(site, "shadow", NETS, zone="tried", format="ips")
    site.ok("sync")
    site.block_list.write_text("198.51.101.7 expires=2026-01-01\n")
    found = site.ok("why", "198.51.101.7", "--json").json()
    assert found["verdict"] == "neither"
    reasons = {(each["feed"], each["reason"]) for each in found["listed"]}
    assert reasons == {
        ("nets", "too few feeds list it"),
        ("shadow", "its group is only monitored: what it would do is logged, and not done"),
    }
    assert "it has expired" in site.ok("why", "198.51.101.7").stdout
