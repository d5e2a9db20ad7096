"""What the policy does with a query: which zone, trigger and record, and what that beat.

No server is asked: the zone files of a generation are looked up as a resolver would. The order is
BIND's (ARM, "Response Policy Zone (RPZ) Rewriting", and lib/ns/query.c): zones as they stand in
``response-policy``; within one the client, the name of the query, addresses in the answer, the name
servers' names, their addresses; of addresses the longest prefix.
"""

import mmap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from ipaddress import IPv4Address, IPv6Address, ip_network
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rpzctl.manifest import ZoneEntry
from rpzctl.names import Domain, ancestors, is_within
from rpzctl.published import all_records, has_below, opened
from rpzctl.triggers import LABELS, Trigger, address_owner, name_owner

Address = IPv4Address | IPv6Address
Outcome = Literal["passes", "nxdomain", "nodata", "drop", "tcp-only", "data", "not rewritten"]
_RANK = {
    trigger: rank
    for rank, trigger in enumerate(
        (
            Trigger.CLIENT_IP,
            Trigger.QNAME,
            Trigger.RESPONSE_IP,
            Trigger.NSDNAME,
            Trigger.NSIP,
        )
    )
}
_ACTIONS: Mapping[str, Outcome] = {
    "CNAME .": "nxdomain",
    "CNAME *.": "nodata",
    "CNAME rpz-drop.": "drop",
    "CNAME rpz-tcp-only.": "tcp-only",
    "CNAME rpz-passthru.": "passes",
}


class Server(NamedTuple):
    """A name server of the zone that answers, or of one above it."""

    name: Domain | None
    addresses: tuple[Address, ...] = ()


class Query(NamedTuple):
    """A question, who asks it, and what the answer would be without policy."""

    name: Domain
    type: str = "A"
    client: Address | None = None
    answers: tuple[Address, ...] = ()
    servers: tuple[Server, ...] = ()


class Match(NamedTuple):
    """A trigger of a policy zone that a query meets."""

    zone: str
    trigger: Trigger
    owner: str
    """relative to the zone"""
    records: tuple[str, ...]
    """type and data of its records"""

    @property
    def outcome(self) -> Outcome:
        """What its records do."""
        return _ACTIONS.get(self.records[0], "data") if self.records else "not rewritten"

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {**self._asdict(), "outcome": self.outcome, "records": list(self.records)}


class Verdict(NamedTuple):
    """What becomes of a query."""

    outcome: Outcome
    match: Match | None = None
    """the trigger that decides"""
    records: tuple[str, ...] = ()
    """what is answered in place of the truth: type and data"""
    sinkhole: str | None = None
    """the sinkhole zone that answers"""
    beaten: tuple[Match, ...] = ()
    """triggers that the query meets, too, in the order in which they would have decided"""
    untold: tuple[Trigger, ...] = ()
    """what there are rules on that would decide before it, and of which the query says nothing"""
    ruled_answers: bool = False
    """there are rules on addresses in answers"""

    @property
    def blocks(self) -> bool:
        """Whether the client does not get the true answer."""
        return self.sinkhole is not None or self.outcome not in {"passes", "not rewritten"}

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "outcome": self.outcome,
            "blocks": self.blocks,
            "match": self.match.value() if self.match else None,
            "records": list(self.records),
            "sinkhole_zone": self.sinkhole,
            "beaten": [match.value() for match in self.beaten],
            "untold": list(self.untold),
        }


class Zone(NamedTuple):
    """The text of a policy zone, and where its records begin and end."""

    origin: str
    text: mmap.mmap
    start: int
    end: int

    def records(self, name: str) -> dict[str, list[str]]:
        """Return the records of `name` and of its wildcard, by owner."""
        return all_records(self.text, self.start, self.end, name)

    def any_below(self, name: str) -> bool:
        """Tell whether there are names below `name`."""
        return has_below(self.text, self.start, self.end, name)


@contextmanager
def opened_zones(
    files: Iterable[tuple[Path, ZoneEntry]], *, monitored: bool = False
) -> Iterator[list[Zone]]:
    """Give policy zones, in their order, from pairs of a folder and the zone of a generation in it.

    Without those that are monitored, which do nothing, or those alone. Raises OSError, ValueError
    for files that are gone or damaged.
    """
    with ExitStack() as stack:
        yield [
            Zone(entry.origin, *stack.enter_context(opened(folder, entry)))
            for folder, entry in files
            if entry.monitored is monitored
        ]


def evaluate(zones: Sequence[Zone], sinkholes: Sequence[str], query: Query) -> Verdict:
    """Return what policy zones in their order, and sinkhole zones, do with `query`."""
    found = [match for zone in zones for match in _matches(zone, query)]
    places = {zone.origin: place for place, zone in enumerate(zones)}
    found.sort(key=lambda match: (places[match.zone], _RANK[match.trigger]))
    limit = (places[found[0].zone], _RANK[found[0].trigger]) if found else (len(zones), 0)
    untold = tuple(
        trigger
        for trigger in _unsaid(query)
        if any(
            (place, _RANK[trigger]) < limit and zone.any_below(LABELS[trigger])
            for place, zone in enumerate(zones)
        )
    )
    ruled = any(zone.any_below(LABELS[Trigger.RESPONSE_IP]) for zone in zones)
    return decided(query, sinkholes, found)._replace(untold=untold, ruled_answers=ruled)


def _unsaid(query: Query) -> Iterator[Trigger]:
    """Give the triggers of which `query` says nothing, and which it might meet all the same."""
    if query.client is None:
        yield Trigger.CLIENT_IP
    if not query.answers and query.type in {"A", "AAAA", "ANY"}:
        yield Trigger.RESPONSE_IP
    if not any(server.name for server in query.servers):
        yield Trigger.NSDNAME
    if not any(server.addresses for server in query.servers):
        yield Trigger.NSIP


def decided(query: Query, sinkholes: Sequence[str], found: Sequence[Match]) -> Verdict:
    """Return what becomes of `query`: of the triggers `found` that it meets the first decides."""
    zone = next((name for name in sinkholes if is_within(query.name, name)), None)
    if not found:
        return Verdict("not rewritten", sinkhole=zone)
    first, beaten = found[0], tuple(found[1:])
    if first.outcome == "passes":
        return Verdict("passes", first, sinkhole=zone, beaten=beaten)
    if first.outcome != "data":
        return Verdict(first.outcome, first, beaten=beaten)
    records = tuple(_answered(first.records, query))
    return Verdict("data" if records else "nodata", first, records, beaten=beaten)


def _answered(records: Sequence[str], query: Query) -> Iterator[str]:
    """Give the records that answer a query for one type; a CNAME answers for all."""
    for record in records:
        kind, _, data = record.partition(" ")
        if kind == "CNAME" and data.startswith("*."):
            yield f"CNAME {query.name}{data[1:]}"
        elif kind in {"CNAME", query.type} or query.type == "ANY":
            yield record


def _matches(zone: Zone, query: Query) -> Iterator[Match]:
    """Give the triggers of one policy zone that `query` meets, at most one of each kind.

    Of several servers or addresses the first that meets one.
    """
    if query.client is not None:
        yield from _address(zone, Trigger.CLIENT_IP, [query.client])
    yield from _name(zone, Trigger.QNAME, [query.name])
    yield from _address(zone, Trigger.RESPONSE_IP, query.answers)
    servers = [name_owner(server.name) for server in query.servers if server.name]
    yield from _name(zone, Trigger.NSDNAME, servers)
    addresses = [each for server in query.servers for each in server.addresses]
    yield from _address(zone, Trigger.NSIP, addresses)


def _name(zone: Zone, trigger: Trigger, names: Sequence[Domain]) -> Iterator[Match]:
    for name in names:
        for each in (name, *ancestors(name)):
            held = zone.records(each)
            if held or zone.any_below(each):
                # A name that exists, if only because something is below it, ends the search
                # (RFC 4592, section 2.2.1): a wildcard further up does not cover it.
                owner = str(each) if each == name else f"*.{each}"
                if owner in held:
                    yield Match(zone.origin, trigger, owner, tuple(held[owner]))
                    return
                break


def _address(zone: Zone, trigger: Trigger, addresses: Sequence[Address]) -> Iterator[Match]:
    """Give the longest prefix of all `addresses` that has a rule."""
    best: tuple[int, Match] | None = None
    for address in addresses:
        for length in range(address.max_prefixlen, 0, -1):
            if best and length <= best[0]:
                break
            net = ip_network((address.packed, length), strict=False)
            owner = address_owner(net, trigger)
            held = zone.records(owner).get(owner)
            if held:
                best = (length, Match(zone.origin, trigger, owner, tuple(held)))
                break
    if best:
        yield best[1]
