"""Networks that feeds list, as policy zones of rules on the addresses of answers.

A group whose feeds list networks has one more zone, ``answers.GROUP.suffix``. Those zones come
behind all others: to apply a rule on answers named has to fetch the answer first, and from the
first zone with such rules on it does so for each zone behind it (BIND ARM, qname-wait-recurse).
"""

import ipaddress
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from rpzctl import __version__, copies, feed_groups, ledger, network_guards, render
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.feed_groups import Group
from rpzctl.files import file_digest
from rpzctl.manifest import digest_of
from rpzctl.names import Domain, sort_key
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows
from rpzctl.rpz import Action, Row, Scope
from rpzctl.shipped import networks_list
from rpzctl.snapshots import Record, read_as
from rpzctl.triggers import Network, Trigger, address_owner
from rpzctl.wanted import Work


def origin_of(origin: str) -> Domain:
    """Return the origin of the zone of networks that belongs to a group's zone."""
    return Domain(f"answers.{origin}")


def zones(
    work: Work, groups: Sequence[Group], apart: Mapping[str, tuple[Candidate, ...]]
) -> tuple[Candidate, ...]:
    """Return the zones of the groups whose feeds list networks, in the groups' order.

    Those of groups whose feeds say their actions are made already, and are in `apart`. One made of
    what is as it was before is kept. Raises `RpzctlError`, `UsageFault`.
    """
    config = work.run.config
    return tuple(
        found
        for group in groups
        for found in (apart[group.name] if config.is_given(group.name) else _zone(work, group))
    )


def _zone(work: Work, group: Group) -> Iterator[Candidate]:
    config = work.run.config
    origin = origin_of(config.origin(group.name))
    there = work.base.zones.get(origin) if work.base else None
    listing = [(feed, record) for feed, record in group.feeds if record.networks]
    before = ledger.feeds_of(work.ledgers, config.origin(group.name)) if there else ()
    if there and any(name in before for name in group.lost):
        yield Candidate(origin, kept=there)  # a copy that is gone takes nothing out of the policy
        return
    if not listing:
        return
    action = config.group_action(group.name)
    drawn = render.zone(work.env, "bind/rpz.zone.j2", config, origin, [action])
    settings = config.group.get(group.name)
    least = settings.min_feeds if settings else 1
    inputs = digest_of(
        __version__,
        [(f.name, r.sha256, r.expires, read_as(f)) for f, r in listing],
        drawn.frame,
        [(str(each), shape) for each, shape in drawn.shapes.items()],
        list(config.guards.networks),
        file_digest(networks_list()) if config.guards.shipped else "",
        least,
    )
    if there and there.inputs == inputs:
        yield Candidate(origin, kept=there)
        return
    work.run.stage(f"collecting the networks of {origin}")
    rows = QuickRows(tuple(_rows(_networks(config, listing, least), action)))
    yield Candidate(origin, drawn=drawn, rows=rows, inputs=inputs)


def _networks(config: Config, listing: Sequence[tuple[Feed, Record]], least: int) -> list[Network]:
    """Return the networks that `least` feeds list and the guards let through."""
    store = feed_groups.snapshots(config)
    counts: Counter[str] = Counter()
    for feed, record in listing:
        kept = store.networks(feed.name) if record.read_as == read_as(feed) else None
        counts.update(kept if kept is not None else copies.networks_of(config, feed, record))
    own = [(text, "your own: guards.networks in rpzctl.toml") for text in config.guards.networks]
    shipped = network_guards.read(networks_list()) if config.guards.shipped else []
    known = network_guards.of([*shipped, *own])
    listed = [text for text, count in counts.items() if count >= least]
    return [ipaddress.ip_network(text) for text in network_guards.guard(listed, known).kept]


def _rows(networks: Iterable[Network], action: Action) -> list[Row]:
    """Return a row for each network that is in no other, in canonical order."""
    owners = [address_owner(net, Trigger.RESPONSE_IP) for net in widest(networks)]
    return [Row(owner, Scope.EXACT, action) for owner in sorted(owners, key=sort_key)]


def widest(networks: Iterable[Network]) -> Iterator[Network]:
    """Give those of `networks` that are in none of the others."""
    last = (0, -1)
    for net in sorted(networks, key=lambda n: (n.version, int(n.network_address), n.prefixlen)):
        end = (net.version, int(net.broadcast_address))
        if end > last:
            last = end
            yield net
