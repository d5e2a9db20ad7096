"""Rules on addresses and name servers, held against a real named."""

import ipaddress
import random
from pathlib import Path

from rpzctl.triggers import Network, Trigger, address_owner
from tests.servers import REAL, Named, ask, find

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
