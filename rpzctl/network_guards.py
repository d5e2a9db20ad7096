"""Networks that no feed may take, and what a guard leaves of those that a feed lists.

Networks in feeds are for triggers on the addresses of answers. There a private network, or one of
a CDN, breaks names in bulk: FireHOL's level 1 lists 10.0.0.0/8 and 192.168.0.0/16.
"""

import ipaddress
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from rpzctl.config import Guards
from rpzctl.guards import Stop, headed
from rpzctl.rule import Rule
from rpzctl.shipped import networks_list
from rpzctl.triggers import ADDRESSES, Network, Trigger, network_of, trigger_of

WIDEST = {4: 8, 6: 19}
"""a shorter prefix than this is of more machines than one reason can speak for"""
_SPECIAL = {
    "is of special use: unspecified": ("0.0.0.0/8", "::/128"),
    "is private": ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "fc00::/7"),
    "is of special use: loopback": ("127.0.0.0/8", "::1/128"),
    "is of special use: link-local": ("169.254.0.0/16", "fe80::/10"),
    "is of special use: multicast": ("224.0.0.0/4", "ff00::/8"),
    "is of special use: reserved": (
        *("192.0.0.0/24", "192.0.2.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24"),
        *("240.0.0.0/4", "100::/64", "2001:db8::/32"),
    ),
    "is of special use: IPv4 inside IPv6": ("::ffff:0:0/96", "64:ff9b::/96", "2002::/16"),
}
"""https://www.iana.org/assignments/iana-ipv4-special-registry (RFC 6890), and that of IPv6"""
_DOCUMENTATION = {"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"}
_NO_CLIENTS = {
    "is of special use: unspecified",
    "is of special use: loopback",
    "is of special use: multicast",
}
_NOT_CLIENTS = {why: nets for why, nets in _SPECIAL.items() if why in _NO_CLIENTS}
_Span = tuple[int, int, str]
"""first and last address, and why no feed may take them"""


class Ranges(NamedTuple):
    """Spans of addresses by version, sorted, none in another, and why no feed may take each."""

    spans: Mapping[int, tuple[_Span, ...]]

    def hit(self, version: int, first: int, last: int) -> str | None:
        """Return why no feed may take the addresses from `first` to `last`; None: it may."""
        spans = self.spans[version]
        at = bisect_right(spans, last, key=lambda span: span[0]) - 1
        return spans[at][2] if at >= 0 and spans[at][1] >= first else None


class Guarded(NamedTuple):
    """What the guards leave of a feed's networks."""

    kept: tuple[str, ...]
    stops: tuple[Stop, ...]

    @property
    def reasons(self) -> tuple[tuple[str, int], ...]:
        """Why networks were stopped, and how many for each reason, the most first."""
        return tuple(Counter(stop.reason for stop in self.stops).most_common())


def known(*, shipped: bool) -> Ranges:
    """Return what no feed may take: special ranges, and those of the list that is shipped."""
    return of(read(networks_list()) if shipped else ())


def of(networks: Iterable[tuple[str, str]] = ()) -> Ranges:
    """Return the special ranges and `networks`, pairs of a network and whose it is.

    Raises ValueError for what is no network.
    """
    return _ranges(_SPECIAL, networks)


def _ranges(special: Mapping[str, Iterable[str]], networks: Iterable[tuple[str, str]]) -> Ranges:
    told = [(text, why) for why, texts in special.items() for text in texts]
    told += [(text, f"belongs to {whose}") for text, whose in networks]
    found: dict[int, list[_Span]] = {4: [], 6: []}
    for text, why in told:
        net = ipaddress.ip_network(text)
        span = (int(net.network_address), int(net.broadcast_address), why)
        found[net.version].append(span)
    spans: dict[int, tuple[_Span, ...]] = {}
    for version, each in found.items():
        apart: list[_Span] = []
        for first, last, why in sorted(each, key=lambda span: (span[0], -span[1])):
            if apart and first <= apart[-1][1]:  # one network is in the other, or beside none
                continue
            apart.append((first, last, why))
        spans[version] = tuple(apart)
    return Ranges(spans)


def of_rules(config: Guards, trigger: Trigger) -> Ranges:
    """Return what no rule of an operator may take without --force, for a trigger on addresses.

    Networks for documentation harm nobody. Clients have private addresses as a rule, and no CDN.
    """
    own = [(text, "your own: guards.networks in rpzctl.toml") for text in config.networks]
    if trigger is Trigger.CLIENT_IP:
        return _ranges(_NOT_CLIENTS, own)
    shipped = read(networks_list()) if config.shipped else []
    harmful = {
        why: tuple(net for net in nets if net not in _DOCUMENTATION)
        for why, nets in _SPECIAL.items()
    }
    return _ranges(harmful, [*shipped, *own])


def judge(rules: Iterable[Rule], config: Guards, ours: Iterable[str] = ()) -> Iterator[Stop]:
    """Give what speaks against those of `rules` that are on addresses. A forced one is not judged.

    `ours` are the addresses from which rpzctl asks the resolvers.

    network
        Harm: 10.0.0.0/8 in answers is the company itself, an address of a CDN a thousand sites, a
        rule on the client 127.0.0.1, also one that lets it pass, the questions by which rpzctl
        proves a change.
        Example: a feed entry pasted with /8 for /28.
    """
    known: dict[Trigger, Ranges] = {}
    asking = _ranges(_NOT_CLIENTS, [(each, "rpzctl, which asks from it") for each in ours])
    for rule in rules:
        trigger = trigger_of(rule.name)
        if rule.forced or trigger not in ADDRESSES:
            continue
        net = network_of(rule.name)
        if trigger not in known:
            known[trigger] = of_rules(config, trigger)
        ends = int(net.network_address), int(net.broadcast_address)
        why = _wide(net)
        if why is None and trigger is Trigger.CLIENT_IP:  # own clients may pass; we may not
            why = asking.hit(net.version, *ends)
        if why is None and rule.verb == "block":
            why = known[trigger].hit(net.version, *ends)
        if why is not None:
            yield Stop("network", f"{rule.verb} {rule.shown()}", why)


def _wide(net: Network) -> str | None:
    widest = WIDEST[net.version]
    return f"is wider than /{widest}" if net.prefixlen < widest else None


def read(path: Path) -> list[tuple[str, str]]:
    """Read a list of networks: one a line; a comment heads the networks that follow it.

    Returns pairs of a network and its heading. Raises ValueError on a bad line.
    """
    found = []
    for number, text, heading in headed(path):
        try:
            ipaddress.ip_network(text)
        except ValueError as fault:
            raise ValueError(f"{path}:{number}: {fault}") from None
        found.append((text, heading))
    return found


def guard(networks: Iterable[str], known: Ranges) -> Guarded:
    """Return which of `networks`, canonical addresses and prefixes, a feed may take.

    Harm: 192.168.0.0/16 in answers is the user's own printer; an address of a CDN is a thousand
    sites. One that overlaps what is `known` is left out whole.
    """
    kept, stops = [], []
    for text in networks:
        net = ipaddress.ip_network(text)
        why = _wide(net)
        if why is None:
            ends = int(net.network_address), int(net.broadcast_address)
            why = known.hit(net.version, *ends)
        if why is None:
            kept.append(text)
        else:
            stops.append(Stop("network", text, why))
    return Guarded(tuple(kept), tuple(stops))
