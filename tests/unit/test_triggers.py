"""Owners of rules on addresses and name servers, both ways, in the form that BIND insists on."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpzctl.names import Domain, NameFault
from rpzctl.triggers import (
    ADDRESSES,
    Trigger,
    address_owner,
    network,
    network_of,
    owner_of,
    subject,
    trigger_of,
)

CASES = [
    ("192.0.2.1", Trigger.RESPONSE_IP, "32.1.2.0.192.rpz-ip"),
    ("192.0.2.0/24", Trigger.CLIENT_IP, "24.0.2.0.192.rpz-client-ip"),
    ("10.0.0.0/8", Trigger.NSIP, "8.0.0.0.10.rpz-nsip"),
    ("2001:db8::/32", Trigger.RESPONSE_IP, "32.zz.db8.2001.rpz-ip"),
    ("2001:db8::1", Trigger.RESPONSE_IP, "128.1.zz.db8.2001.rpz-ip"),
    ("2001:db8:0:1:2:3:4:5", Trigger.NSIP, "128.5.4.3.2.1.0.db8.2001.rpz-nsip"),
    ("::1", Trigger.CLIENT_IP, "128.1.zz.rpz-client-ip"),
    ("2001:db8:0:0:1:0:0:1", Trigger.RESPONSE_IP, "128.1.0.0.1.zz.db8.2001.rpz-ip"),
    ("2001:0:0:1:0:0:0:1", Trigger.RESPONSE_IP, "128.1.zz.1.0.0.2001.rpz-ip"),
    ("ns.evil.example", Trigger.NSDNAME, "ns.evil.example.rpz-nsdname"),
    ("evil.example", Trigger.QNAME, "evil.example"),
]


@pytest.mark.parametrize(("text", "trigger", "owner"), CASES)
def test_owner(text: str, trigger: Trigger, owner: str) -> None:
    assert owner == owner_of(text, trigger)
    assert subject(Domain(owner)) == (trigger, text if ":" not in text else str(_plain(text)))
    assert trigger_of(owner) is trigger


def _plain(text: str) -> object:
    return ipaddress.ip_network(text) if "/" in text else ipaddress.ip_address(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1/24", "192.0.2.0/24 is the network around it"),
        ("2001:db8::1/32", "2001:db8::/32 is the network around it"),
        ("192.0.2.256", "neither an address nor a prefix"),
        ("fe80::1%eth0", "scope identifier"),
        ("192.0.2.0/33", "neither"),
    ],
)
def test_what_is_no_network(text: str, reason: str) -> None:
    with pytest.raises(NameFault, match=reason):
        network(text)


@pytest.mark.parametrize(
    "owner", ["x.rpz-ip", "33.1.2.0.192.rpz-ip", "24.1.2.0.192.rpz-ip", "rpz-ip"]
)
def test_what_is_no_owner(owner: str) -> None:
    with pytest.raises(NameFault):
        network_of(owner)


@given(
    st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)),
    st.integers(1, 128),
    st.sampled_from(ADDRESSES),
)
def test_there_and_back(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address, length: int, trigger: Trigger
) -> None:
    length = min(length, address.max_prefixlen)
    net = ipaddress.ip_network(f"{address}/{length}", strict=False)
    owner = address_owner(net, trigger)
    assert net == network_of(owner)
    assert trigger_of(owner) is trigger


def test_ipv4_in_ipv6_is_ipv4() -> None:
    """BIND reads another owner without a word, and never matches it."""
    owner = owner_of("::ffff:198.51.100.0/120", Trigger.RESPONSE_IP)
    assert owner == owner_of("198.51.100.0/24", Trigger.RESPONSE_IP)
    assert str(network("::fffe:0:0/95")) == "::fffe:0:0/95"


@pytest.mark.parametrize("text", ["0.0.0.0/0", "::/0"])
def test_every_address_is_no_network_for_a_rule(text: str) -> None:
    with pytest.raises(NameFault, match="every address"):
        network(text)
