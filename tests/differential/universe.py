"""A small internet for differential tests: an authoritative server, and resolvers that ask it.

Eight domains below ``net``, each with a name server of its own name and address, served by one
named, port 53: a resolver is referred to them by the root, which has an address of its own, so that
rules on answers and name servers work as they do in the wild.
"""

import random
import subprocess
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

from rpzctl import policy
from rpzctl.evaluate import Address, Query, Server
from rpzctl.names import Domain
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope
from rpzctl.triggers import Trigger, address_owner, name_owner
from tests.servers import Named

ROOT_ADDRESS = "127.0.10.1"
DOMAINS = 8
LABELS = ("a", "b", "www", "x-y", "_s")
CLIENTS = tuple(f"127.0.9.{number}" for number in range(1, 9))
TYPES = ("A", "A", "A", "AAAA", "TXT")


class Place(NamedTuple):
    """A domain of the small internet."""

    name: str
    server: str
    address: str

    def answers(self, host: str, kind: str) -> tuple[Address, ...]:
        """Return the addresses of a host in the domain."""
        number = sum(host.encode()) % 40
        if kind == "A":
            return (IPv4Address(f"198.51.100.{number}"),)
        return (IPv6Address(f"2001:db8:{number:x}::{number:x}"),) if kind == "AAAA" else ()


PLACES = tuple(
    Place(f"d{number}.net", f"ns{number}.d{number}.net", f"127.0.8.{number + 10}")
    for number in range(DOMAINS)
)


ADDRESSES = (ROOT_ADDRESS, *(place.address for place in PLACES))


def connect() -> None:
    """Give the network namespace that this process is in the addresses of the small internet."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for address in ADDRESSES:
        subprocess.run(["ip", "address", "add", f"{address}/32", "dev", "lo"], check=True)


def hosts(place: Place) -> list[str]:
    """Return the names that exist in a domain, the domain itself first."""
    found = [place.name]
    for first in LABELS:
        found.append(f"{first}.{place.name}")
        found += [f"{second}.{first}.{place.name}" for second in LABELS[:3]]
    return found


HEAD = "$TTL 300\n@ SOA {ns}. h.net. 1 3600 600 604800 60\n@ NS {ns}.\n"


def authoritative(home: Path) -> Named:
    """Return the authoritative server, configured, not started."""
    named = Named(home, port=53)
    named.prepare()
    root = HEAD.format(ns="ns.net") + f"ns.net. A {ROOT_ADDRESS}\n"
    zones = []
    for place in PLACES:
        root += f"{place.name}. NS {place.server}.\n{place.server}. A {place.address}\n"
        text = HEAD.format(ns=place.server) + f"{place.server}. A {place.address}\n"
        for host in hosts(place):
            text += f"{host}. TXT real\n"
            for kind in ("A", "AAAA"):
                text += "".join(f"{host}. {kind} {a}\n" for a in place.answers(host, kind))
        (home / f"{place.name}.zone").write_text(text)
        zones.append(f'zone "{place.name}" {{ type primary; file "{place.name}.zone"; }};')
    (home / "root.zone").write_text(root)
    addresses = "; ".join(ADDRESSES)
    named.conf.write_text(
        f'options {{ directory "{home}"; pid-file "{home}/named.pid"; recursion no;\n'
        f'session-keyfile "{home}/session.key"; dnssec-validation no;\n'
        f"check-names primary ignore; empty-zones-enable no;\n"
        f"listen-on port 53 {{ {addresses}; }}; listen-on-v6 {{ none; }}; }};\ncontrols {{ }};\n"
        # The root refers to the domains' servers and does not answer in their place.
        f'view "root" {{ match-destinations {{ {ROOT_ADDRESS}; }};\n'
        'zone "." { type primary; file "root.zone"; }; };\n'
        'view "domains" {\n' + "\n".join(zones) + "\n};\n"
    )
    return named


def queries(chance: random.Random, count: int) -> list[Query]:
    """Return random queries, with what the answers would be; each third asks what was asked."""
    found: list[Query] = []
    for number in range(count):
        client = ip_address(chance.choice(CLIENTS))
        if number % 3 == 2:  # so that answers come from caches, too
            found.append(chance.choice(found)._replace(client=client))
            continue
        place = chance.choice(PLACES)
        host = chance.choice(hosts(place))
        kind = chance.choice(TYPES)
        found.append(
            Query(
                Domain(host),
                kind,
                client,
                place.answers(host, kind),
                (Server(Domain(place.server), (IPv4Address(place.address),)),),
            )
        )
    return found


_ACTIONS = (
    *(Action(kind) for kind in (Kind.NXDOMAIN, Kind.NXDOMAIN, Kind.NODATA, Kind.TCP_ONLY)),
    *(PASSTHRU, PASSTHRU, Action(Kind.DROP)),
    Action(Kind.CNAME, Domain("garden.invalid")),
    Action(Kind.DATA, data=("A 192.0.2.80", 'TXT "policy"')),
)


class Bounds(NamedTuple):
    """What policies are made of."""

    triggers: tuple[Trigger, ...] = tuple(Trigger)
    without: frozenset[tuple[Trigger, Kind]] = frozenset()
    """actions that are left out of rules on a trigger"""
    filled: bool = False
    """names that exist under a wider rule have a rule of their own, as rpzctl writes them"""


def rules(chance: random.Random, triggers: tuple[Trigger, ...], bounds: Bounds) -> tuple[Row, ...]:
    """Return the rows of a random policy zone, in order, each owner once."""
    found: dict[tuple[str, Scope], Row] = {}
    for _ in range(chance.randint(1, 14)):
        trigger = chance.choice(triggers)
        owner, scope = _owner(chance, trigger)
        taken = {(owner, each) for each in Scope} & set(found)
        action = chance.choice(_ACTIONS)
        if not taken and (trigger, action.kind) not in bounds.without:
            found[owner, scope] = Row(owner, scope, action)
    if not bounds.filled:
        return tuple(found.values())
    own = {(row.name, row.scope): row.action for row in found.values()}
    return tuple(policy.rows(policy.effects(own)))


def _owner(chance: random.Random, trigger: Trigger) -> tuple[Domain, Scope]:
    place = chance.choice(PLACES)
    if trigger is Trigger.QNAME:
        name = chance.choice((place.name, chance.choice(hosts(place))))
        return Domain(name), chance.choice(tuple(Scope))
    if trigger is Trigger.NSDNAME:
        name = chance.choice((place.server, place.name))
        return name_owner(Domain(name)), chance.choice(tuple(Scope))
    if trigger is Trigger.CLIENT_IP:
        address = ip_address(chance.choice(CLIENTS))
    elif trigger is Trigger.NSIP:
        address = ip_address(place.address)
    else:
        host = chance.choice(hosts(place))
        address = place.answers(host, chance.choice(("A", "A", "AAAA")))[0]
    most = address.max_prefixlen
    length = chance.choice((most, most, most - 1, most - 3, most - 5, 24 if most == 32 else 44))
    net = ip_network(f"{address}/{length}", strict=False)
    return address_owner(net, trigger), Scope.EXACT
