"""Why an address in answers is blocked, allowed, or neither: rules, feeds, guards. Asks nobody."""

import ipaddress
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

from rpzctl import answers, catalogue, feed_groups, network_guards, whatif
from rpzctl.book import Book, read_book
from rpzctl.catalogue import Feed
from rpzctl.config import Group
from rpzctl.evaluate import Address, Query, Verdict
from rpzctl.names import Domain
from rpzctl.rule import Rule
from rpzctl.run import Run
from rpzctl.shipped import networks_list
from rpzctl.snapshots import Record
from rpzctl.triggers import Network, Trigger, network_of, trigger_of

_ANY = Domain("any.invalid")
"""a name of which no policy speaks: it is the address that is asked about"""


class Listing(NamedTuple):
    """A network that a feed lists, around the address."""

    feed: str
    zone: str
    network: str
    reason: str | None
    """why it has no effect; None: it has one, if no zone in front decides"""
    last_seen: str | None


class AddressAnswer(NamedTuple):
    """Everything that is known of an address in answers."""

    address: Address
    verdict: Verdict
    rules: tuple[tuple[str, Rule], ...]
    """operator's rules on networks around it, with file and line"""
    listed: tuple[Listing, ...]

    @property
    def word(self) -> str:
        """Blocked, allowed or neither."""
        if self.verdict.blocks:
            return "blocked"
        return "allowed" if self.verdict.match else "neither"

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        match = self.verdict.match
        return {
            "address": str(self.address),
            "verdict": self.word,
            "zone": match.zone if match else None,
            "owner": match.owner if match else None,
            "action": str(self.verdict.outcome) if match else None,
            "rules": [{"where": where, **rule.value()} for where, rule in self.rules],
            "listed": [each._asdict() for each in self.listed],
        }


def why(run: Run, address: Address) -> AddressAnswer:
    """Return what the published policy does to answers with `address`, and who had a say in it.

    Raises `RpzctlError` if nothing is published, `UsageFault` for bad rule files or definitions.
    """
    query = Query(_ANY, "A" if address.version == 4 else "AAAA", answers=(address,))  # noqa: PLR2004 - of IP
    return AddressAnswer(
        address,
        whatif.verdicts(run, query, ("",), as_planned=False)[""],
        tuple(_rules(read_book(run.config.repo), address)),
        tuple(_listed(run, address)),
    )


def _rules(book: Book, address: Address) -> Iterator[tuple[str, Rule]]:
    for rule in book.rules:
        if trigger_of(rule.name) is Trigger.RESPONSE_IP and address in network_of(rule.name):
            yield book.where(rule), rule


def _listed(run: Run, address: Address) -> Iterator[Listing]:
    config = run.config
    own = [(text, "your own: guards.networks in rpzctl.toml") for text in config.guards.networks]
    shipped = network_guards.read(networks_list()) if config.guards.shipped else []
    known = network_guards.of([*shipped, *own])
    for group in feed_groups.of(config, catalogue.load(config), run.now):
        settings = config.group.get(group.name, Group())
        zone = answers.origin_of(config.origin(group.name))
        listed = list(_around(run, group, address))
        counts = Counter(text for _, _, text in listed)
        for feed, record, text in listed:
            stops = network_guards.guard([text], known).stops
            reason = f"a guard left it out: it {stops[0].reason}" if stops else None
            if counts[text] < settings.min_feeds:
                reason = "too few feeds list it"
            if reason is None and settings.mode == "monitor":
                reason = "its group is only monitored: what it would do is logged, and not done"
            yield Listing(feed.name, zone, text, reason, record.last_ok)


def _around(
    run: Run, group: feed_groups.Group, address: Address
) -> Iterator[tuple[Feed, Record, str]]:
    """Give the networks around `address` that the feeds of a group list."""
    store = feed_groups.snapshots(run.config)
    for feed, record in group.feeds:
        for text in (store.networks(feed.name) or ()) if record.networks else ():
            net: Network = ipaddress.ip_network(text)
            if address in net:
                yield feed, record, text
