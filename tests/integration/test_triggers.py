"""Rules on addresses and name servers, held against a real named."""

import ipaddress
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from rpzctl.triggers import Network, Trigger, address_owner
from tests.asking import ask
from tests.servers import REAL, Named, Site, find, live_site

HEAD = "$TTL 60\n@ SOA localhost. a.localhost. 1 60 60 60 60\n@ NS localhost.\n"
COUNT = 300


def networks(chance: random.Random) -> list[Network]:
    """Return networks of all lengths, IPv6 ones with runs of zeros in all places."""
    found: dict[str, Network] = {}
    while len(found) < COUNT:
        net: Network
        if chance.random() < 0.3:
            net = ipaddress.IPv4Network(
                (chance.getrandbits(32), chance.randint(8, 32)), strict=False
            )
        else:
            words = [chance.choice((0, 0, 1, 0xABC, chance.getrandbits(16))) for _ in range(8)]
            address = int("".join(f"{word:04x}" for word in words), 16)
            net = ipaddress.IPv6Network((address, chance.randint(16, 128)), strict=False)
        if net.version == 6 or ipaddress.IPv4Address(REAL) not in net:
            found[str(net)] = net
    return list(found.values())


def test_named_takes_each_owner_and_applies_it(tmp_path: Path) -> None:
    find("named")
    named = Named(tmp_path)
    named.prepare()
    nets = networks(random.Random(6))
    rules = "".join(f"{address_owner(net, Trigger.RESPONSE_IP)} CNAME .\n" for net in nets)
    (tmp_path / "p.zone").write_text(HEAD + rules)
    kinds = {4: "A", 6: "AAAA"}
    names = "".join(
        f"n{place} {kinds[net.version]} {net.network_address}\nl{place} {kinds[net.version]} "
        f"{net.broadcast_address}\n"
        for place, net in enumerate(nets)
    )
    (tmp_path / "t.zone").write_text(HEAD + names)
    named.configure(
        'response-policy { zone "p.rpz"; } min-update-interval 0;',
        'zone "p.rpz" { type primary; file "p.zone"; };\n'
        'zone "t.test" { type primary; file "t.zone"; };',
    )
    named.start()
    try:
        told = [line for line in named.log().splitlines() if "rpz" in line and "invalid" in line]
        missed = [
            str(net)
            for place, net in enumerate(nets)
            for first in "nl"
            if ask(named.port, f"{first}{place}.t.test", kinds[net.version]) != "NXDOMAIN"
        ]
    finally:
        named.stop()
    assert (told, missed) == ([], [])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Give a site whose named knows some names with other addresses than the rest has."""
    with live_site(tmp_path_factory.mktemp("triggers")) as site:
        (site.home / "t.zone").write_text(
            HEAD + "$ORIGIN t.test.\n"
            "bad A 198.51.100.7\nedge A 198.51.100.200\nfar A 203.0.113.9\n"
            "six AAAA 2001:db8:bad::5\n"
        )
        site.include(zones='zone "t.test" { type primary; file "t.zone"; };')
        site.named.stop()
        site.named.start()
        yield site


def test_addresses_and_networks_are_blocked_in_answers(served: Site) -> None:
    done = served.ok("block", "198.51.100.0/24", "2001:db8:bad::/48", "--reason", "bulletproof")
    assert "block 198.51.100.0/24" in done.stdout
    assert served.answers(("bad.t.test", "edge.t.test", "far.t.test")) == {
        "bad.t.test": "NXDOMAIN",
        "edge.t.test": "NXDOMAIN",
        "far.t.test": "203.0.113.9",
    }
    assert served.answer("six.t.test", "AAAA") == "NXDOMAIN"
    again = served.ok("block", "198.51.100.7")
    assert "already: block 198.51.100.7" in again.stdout, "the network around it is blocked"
    served.ok("allow", "198.51.100.200")
    assert served.answers(("bad.t.test", "edge.t.test")) == {
        "bad.t.test": "NXDOMAIN",
        "edge.t.test": "198.51.100.200",
    }, "the narrower prefix wins"
    listed = {rule["name"]: rule for rule in served.ok("list", "--json").json()["rules"]}
    assert listed["198.51.100.0/24"]["trigger"] == "response-ip"
    assert "198.51.100.0/24 reason=bulletproof" in served.block_list.read_text()
    assert served.ok("check").status == 0
    served.ok("unblock", "198.51.100.0/24", "2001:db8:bad::/48")
    assert served.answer("bad.t.test") == "198.51.100.7"
    served.ok("unallow", "198.51.100.200")


def test_a_client_gets_another_policy(served: Site) -> None:
    refused = served.cli("block", "127.0.0.1", "--trigger", "client-ip")
    assert (refused.status, "loopback" in refused.stderr) == (3, True)
    served.ok("block", "192.0.2.0/24", "--trigger", "client-ip", "--action", "drop")
    assert "192.0.2.0/24 action=drop" in served.block_list.read_text()
    assert "trigger=client-ip" in served.block_list.read_text()
    zone = (served.output / "current" / "local.rpz.zone").read_text()
    assert "24.0.2.0.192.rpz-client-ip CNAME rpz-drop.\n" in zone
    plan = served.ok("plan").stdout
    assert "nothing to do" in plan
    gone = served.ok("unblock", "192.0.2.0/24", "--trigger", "client-ip", "--json").json()
    assert gone["results"][0]["trigger"] == "client-ip"
    assert "rpz-client-ip" not in (served.output / "current" / "local.rpz.zone").read_text()


def test_name_servers_by_name_and_address(served: Site) -> None:
    served.ok("block", "ns.evil.example", "--trigger", "nsdname")
    served.ok("block", "203.0.113.53", "--trigger", "ns-ip")
    zone = (served.output / "current" / "local.rpz.zone").read_text()
    assert "ns.evil.example.rpz-nsdname CNAME .\n*.ns.evil.example.rpz-nsdname CNAME .\n" in zone
    assert "32.53.113.0.203.rpz-nsip CNAME .\n" in zone
    served.ok("unblock", "ns.evil.example", "--trigger", "nsdname")
    served.ok("unblock", "203.0.113.53", "--trigger", "ns-ip")


def test_local_data_is_the_answer(served: Site) -> None:
    served.ok("block", "portal.example", "--data", "A 192.0.2.80", "--data", 'TXT "a; b"')
    assert served.answer("portal.example") == "192.0.2.80"
    assert served.answer("portal.example", "TXT") == '"a; b"'
    assert served.answer("portal.example", "AAAA") == "nodata"
    text = served.block_list.read_text()
    assert 'portal.example action="data:A 192.0.2.80; TXT \\"a; b\\""' in text
    served.ok("block", "mail.example", "--data", "MX 10 mx.garden.example", "--exact")
    assert served.answer("mail.example", "MX") == "10 mx.garden.example."
    served.ok("block", "walled.example", "--action", "cname:*.garden.example")
    assert "a.walled.example.garden.example." in served.answer("a.walled.example", "CNAME")
    before = served.files()
    for bad in ("A 192.0.2.256", "CNAME a.example.", "SOA x", 'TXT "open', "A 192.0.2.1\nB"):
        refused = served.cli("block", "x.example", "--data", bad)
        assert refused.status == 2, bad
        assert "Traceback" not in refused.stderr
    both = served.cli("block", "x.example", "--data", "A 192.0.2.1", "--action", "drop")
    assert both.status == 2
    assert served.files() == before


def test_wide_and_own_networks_need_force(served: Site) -> None:
    before = served.files()
    for text, why in (
        ("0.0.0.0/1", "wider than /8"),
        ("2000::/3", "wider than /19"),
        ("10.1.2.3", "is private"),
        ("8.8.8.8", "belongs to public resolvers: Google"),
        ("198.51.100.1/24", "198.51.100.0/24 is the network around it"),
        ("fe80::1%eth0", "scope identifier"),
    ):
        refused = served.cli("block", text)
        assert refused.status in {2, 3}, text
        assert why in refused.stderr, text
    assert served.files() == before
    served.ok("block", "10.1.2.3", "--force")
    served.ok("unblock", "10.1.2.3")


def test_a_rule_on_ourselves_is_told_when_it_cannot_be_proved(site: Site) -> None:
    site.impatient()
    before = site.files()
    done = site.cli("allow", "127.0.0.0/8", "--trigger", "client-ip", "--force")
    assert done.status == 5
    assert "takes in 127.0.0.1, from which rpzctl asks" in done.stderr
    assert "include lines" not in done.stderr
    assert site.files()["allow"] == before["allow"]
