"""Networks that no feed may take: special ones, those of many sites, those that are too wide."""

import ipaddress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpzctl import network_guards, shipped
from rpzctl.config import Guards
from rpzctl.network_guards import Guarded, guard
from rpzctl.rpz import Scope
from rpzctl.rule import Rule, Verb
from rpzctl.triggers import Trigger, owner_of

KNOWN = network_guards.known(shipped=True)


@pytest.mark.parametrize(
    ("network", "reason"),
    [
        ("10.1.2.3", "is private"),
        ("192.168.0.0/16", "is private"),
        ("100.64.0.0/10", "is private"),
        ("fd00::1", "is private"),
        ("127.0.0.1", "is of special use: loopback"),
        ("::1", "is of special use: loopback"),
        ("0.0.0.1", "is of special use: unspecified"),
        ("::", "is of special use: unspecified"),
        ("169.254.169.254", "is of special use: link-local"),
        ("fe80::/64", "is of special use: link-local"),
        ("239.1.2.3", "is of special use: multicast"),
        ("255.255.255.255", "is of special use: reserved"),
        ("192.0.2.1", "is of special use: reserved"),
        ("::ffff:1.2.3.4", "is of special use: IPv4 inside IPv6"),
        ("8.8.8.8", "belongs to public resolvers: Google"),
        ("1.0.0.0/9", "belongs to public resolvers: Cloudflare"),
        ("104.16.132.229", "belongs to Cloudflare, in front of many sites"),
        ("2606:4700::6810:84e5", "belongs to Cloudflare, in front of many sites"),
        ("151.101.1.69", "belongs to Fastly, in front of many sites"),
        ("198.41.0.4", "belongs to root name servers"),
        ("52.0.0.0/7", "is wider than /8"),
        ("2a00::/12", "is wider than /19"),
    ],
)
def test_a_network_that_no_feed_may_take(network: str, reason: str) -> None:
    canonical = str(ipaddress.ip_network(network)).removesuffix("/32").removesuffix("/128")
    guarded = guard([canonical], KNOWN)
    assert ((), ((reason, 1),)) == (guarded.kept, guarded.reasons)


@pytest.mark.parametrize(
    "network", ["1.10.16.0/20", "45.9.148.108", "11.0.0.0/8", "2a0e:b107::/32", "9.9.8.255"]
)
def test_a_network_that_a_feed_may_take(network: str) -> None:
    assert Guarded((network,), ()) == guard([network], KNOWN)


def test_without_the_shipped_list_the_special_networks_stay_guarded() -> None:
    guarded = guard(["8.8.8.8", "10.0.0.1"], network_guards.known(shipped=False))
    assert ("8.8.8.8",) == guarded.kept
    assert ["10.0.0.1"] == [stop.subject for stop in guarded.stops]


def test_a_bad_line_of_a_list_is_told_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "networks.list"
    path.write_text("# who\n192.0.2.0/24\n192.0.2.1/24\n")
    with pytest.raises(ValueError, match=r"networks\.list:3: "):
        network_guards.read(path)


def test_the_shipped_list_says_whose_each_network_is() -> None:
    pairs = network_guards.read(shipped.networks_list())
    assert len(pairs) > 60
    assert all(whose for _, whose in pairs)
    assert len(pairs) == len({network for network, _ in pairs})


@given(st.lists(st.ip_addresses(v=4), max_size=20), st.lists(st.ip_addresses(v=6), max_size=20))
def test_each_network_is_either_kept_or_stopped_and_none_that_is_private_is_kept(
    four: list[ipaddress.IPv4Address], six: list[ipaddress.IPv6Address]
) -> None:
    texts = [str(address) for address in (*four, *six)]
    guarded = guard(texts, KNOWN)
    assert sorted(texts) == sorted([*guarded.kept, *(stop.subject for stop in guarded.stops)])
    private = ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/4")
    for text in guarded.kept:
        address = ipaddress.ip_address(text)
        assert not any(address in ipaddress.ip_network(n) for n in private)


@pytest.mark.parametrize(
    ("verb", "text", "stopped"),
    [
        ("allow", "127.0.0.0/8", True),
        ("allow", "::1", True),
        ("allow", "10.20.0.0/16", False),
        ("block", "10.20.0.0/16", True),
        ("block", "10.30.0.0/16", False),
        ("block", "10.40.1.0/24", True),
        ("allow", "10.40.1.7", True),
        ("allow", "10.40.2.0/24", False),
    ],
)
def test_rules_on_clients_do_not_take_what_proves_them(
    verb: Verb, text: str, *, stopped: bool
) -> None:
    rule = Rule(verb=verb, name=owner_of(text, Trigger.CLIENT_IP), scope=Scope.EXACT)
    config = Guards(networks=("10.20.0.0/16",))
    assert stopped == bool(list(network_guards.judge([rule], config, ["10.40.1.7"])))
