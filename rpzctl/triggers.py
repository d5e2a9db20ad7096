"""Triggers of a policy zone other than the name of the query, and their owners, both ways.

A rule on addresses or on name servers stands in a policy zone under an owner that ends in a label
of its own: ``24.0.2.0.192.rpz-ip`` is 192.0.2.0/24 in an answer. Such an owner is a `Domain` like
any other here, so that rows, digests, differences and files need not know of it.

Source: draft-vixie-dnsop-dns-rpz-00, section 4; the canonical form of IPv6 owners is that which
BIND 9 matches (lib/dns/rpz.c, ip2name).
"""

import ipaddress
from enum import StrEnum
from typing import NamedTuple

from rpzctl.names import RESERVED, Domain, NameFault, parse

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_ZEROS = "zz"
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_GROUPS = 8
"""of 16 bits in an IPv6 address"""


class Trigger(StrEnum):
    """What of a query or its answer a rule speaks of."""

    QNAME = "qname"
    """the name that is asked for"""
    RESPONSE_IP = "response-ip"
    """an address in the answer"""
    CLIENT_IP = "client-ip"
    """the address that asks"""
    NSDNAME = "nsdname"
    """the name of a name server of the zone that answers, or of one above it"""
    NSIP = "ns-ip"
    """the address of such a name server"""


ADDRESSES = (Trigger.RESPONSE_IP, Trigger.CLIENT_IP, Trigger.NSIP)
LABELS = {
    Trigger.RESPONSE_IP: "rpz-ip",
    Trigger.CLIENT_IP: "rpz-client-ip",
    Trigger.NSDNAME: "rpz-nsdname",
    Trigger.NSIP: "rpz-nsip",
}
_TRIGGERS = {label: trigger for trigger, label in LABELS.items()}


class Subject(NamedTuple):
    """What an owner speaks of."""

    trigger: Trigger
    text: str
    """a name, or an address or prefix"""


def network(text: str) -> Network:
    """Return the network that `text` is, an address or a prefix.

    Raises `NameFault` with the reason, also for one with host bits: which network was meant?
    """
    body = text.strip().strip("[]")
    if "%" in body:
        raise NameFault("has a scope identifier, which no other machine knows")
    try:
        wide = ipaddress.ip_network(body, strict=False)
    except ValueError:
        raise NameFault("is neither an address nor a prefix") from None
    if str(wide.network_address) != str(ipaddress.ip_address(body.partition("/")[0])):
        raise NameFault(f"has bits set behind its prefix; {wide} is the network around it")
    return _ruled(wide)


def _ruled(net: Network) -> Network:
    """Return the network that a rule can be on: IPv4 in IPv6 is IPv4, as BIND matches it."""
    if not net.prefixlen:
        raise NameFault("is every address there is, and BIND takes no such rule")
    if isinstance(net, ipaddress.IPv6Network) and net.subnet_of(_MAPPED):
        number = int(net.network_address) & 0xFFFFFFFF
        return ipaddress.IPv4Network((number, net.prefixlen - 96))
    return net


def shown(net: Network) -> str:
    """Return a network for people: an address alone without its prefix length."""
    return str(net.network_address if net.prefixlen == net.max_prefixlen else net)


def address_owner(net: Network, trigger: Trigger) -> Domain:
    """Return the owner of a rule on `net`, relative to the policy zone's origin."""
    if isinstance(net, ipaddress.IPv4Network):
        labels = str(net.network_address).split(".")[::-1]
    else:
        labels = _groups(int(net.network_address))
    return Domain(".".join([str(net.prefixlen), *labels, LABELS[trigger]]))


def _groups(address: int) -> list[str]:
    """Return the groups of an IPv6 address, the last first, its longest run of zeros as ``zz``.

    Of two runs of one length the one nearer to the address's beginning (as RFC 5952 has it); one
    zero alone is no run. BIND 9.18 reads another form without a word, and never matches it.
    """
    words = [(address >> (16 * place)) & 0xFFFF for place in range(_GROUPS)]
    best, longest, begun = -1, 1, -1
    for place, word in enumerate(words):
        if word:
            begun = -1
            continue
        begun = place if begun < 0 else begun
        run = place - begun + 1
        if run > 1 and run >= longest:
            best, longest = begun, run
    if best < 0:
        return [f"{word:x}" for word in words]
    after = [f"{word:x}" for word in words[best + longest :]]
    return [*(f"{word:x}" for word in words[:best]), _ZEROS, *after]


def name_owner(name: Domain) -> Domain:
    """Return the owner of a rule on name servers called `name`."""
    return Domain(f"{name}.{LABELS[Trigger.NSDNAME]}")


def trigger_of(owner: str) -> Trigger:
    """Return which trigger an owner is."""
    return _TRIGGERS.get(owner.rpartition(".")[2], Trigger.QNAME)


def subject(owner: Domain) -> Subject:
    """Return what an owner speaks of. Raises `NameFault` for one that says nothing."""
    trigger = trigger_of(owner)
    if trigger is Trigger.QNAME:
        return Subject(trigger, owner)
    body = owner.removesuffix("." + LABELS[trigger])
    if trigger is Trigger.NSDNAME:
        return Subject(trigger, body)
    return Subject(trigger, shown(network_of(owner)))


def network_of(owner: str) -> Network:
    """Return the network that an owner on addresses is about. Raises `NameFault`."""
    length, *labels = owner.split(".") if "." in owner else [""]
    labels = labels[:-1]
    try:
        if len(labels) == 4 and _ZEROS not in labels:  # noqa: PLR2004 - of an IPv4 address
            return ipaddress.IPv4Network(f"{'.'.join(labels[::-1])}/{length}")
        words = labels[::-1]
        if _ZEROS in words:
            at = words.index(_ZEROS)
            words[at : at + 1] = ["0"] * (_GROUPS + 1 - len(words))
        return ipaddress.IPv6Network(f"{':'.join(words)}/{length}")
    except ValueError:
        raise NameFault("is no address of a policy zone") from None


def around(owner: Domain) -> list[Domain]:
    """Return the owners of rules on wider networks around that of `owner`, the narrowest first."""
    net, trigger = network_of(owner), trigger_of(owner)
    return [
        address_owner(net.supernet(new_prefix=length), trigger)
        for length in range(net.prefixlen - 1, 0, -1)
    ]


def owner_of(text: str, trigger: Trigger) -> Domain:
    """Return the owner of a rule on what `text` says, for `trigger`. Raises `NameFault`."""
    if trigger is Trigger.QNAME:
        return parse(text)
    if trigger is Trigger.NSDNAME:
        return name_owner(parse(text))
    return address_owner(network(text), trigger)


def is_other(owner: str) -> bool:
    """Tell whether an owner is no name of a query."""
    return owner.rpartition(".")[2].startswith(RESERVED)
