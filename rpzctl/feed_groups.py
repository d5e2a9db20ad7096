"""Feed groups: which enabled feeds with a good copy make up which policy zone, in which order."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from rpzctl import catalogue, times
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import UsageFault
from rpzctl.snapshots import Record, Snapshots

MOST_FEEDS = 63
"""of one group: which of them list a name is a mask of 64 bits"""


class Group(NamedTuple):
    """A feed group and those of its enabled feeds that have a good copy which counts."""

    name: str
    feeds: tuple[tuple[Feed, Record], ...]
    copies: bool = True
    """there are copies, if only stale ones that count no more: an empty zone, not none"""
    warnings: tuple[str, ...] = ()
    """copies that are stale"""
    lost: tuple[str, ...] = ()
    """enabled feeds without a good copy"""


def snapshots(config: Config) -> Snapshots:
    """Return the folder of last good copies."""
    return Snapshots(config.state / "feeds")


def of(config: Config, feeds: Mapping[str, Feed], now: datetime) -> list[Group]:
    """Return the groups in order of precedence: as configured, then by name.

    Raises `UsageFault` for a group that cannot be a zone.
    """
    refuse_crowds(feeds)
    store = snapshots(config)
    members: dict[str, list[tuple[Feed, Record]]] = {}
    lost: dict[str, list[str]] = {}
    warnings: dict[str, list[str]] = {}
    for feed in feeds.values():
        if not feed.enabled:
            continue
        record = store.record(feed.name)
        if not record.sha256:
            lost.setdefault(feed.zone, []).append(feed.name)
            continue
        group = members.setdefault(feed.zone, [])
        old = stale(feed, record, now)
        if old:
            fate = "its names left the policy" if feed.stale == "drop" else "its names stay"
            warnings.setdefault(feed.zone, []).append(f"{old}; {fate}")
        if not old or feed.stale == "keep":
            group.append((feed, record))
    clash = next((n for n in members if config.origin(n) == config.policy.operator_zone), None)
    if clash:
        raise UsageFault(
            f"the feed group {clash} would have the operator's zone {config.policy.operator_zone}",
            details=[str(feed.file) for feed, _ in members[clash]],
            fix="give the group another name, or change policy.operator_zone or policy.suffix",
        )
    order = {name: place for place, name in enumerate(config.policy.order)}
    names = sorted({*members, *lost}, key=lambda name: (order.get(name, len(order)), name))
    return [
        Group(
            name,
            tuple(members.get(name, ())),
            name in members,
            tuple(warnings.get(name, ())),
            tuple(lost.get(name, ())),
        )
        for name in names
    ]


def copies_of(config: Config) -> dict[str, str]:
    """Return the SHA-256 of the last good copy of each enabled feed. Raises `UsageFault`."""
    store = snapshots(config)
    enabled = [feed.name for feed in catalogue.load(config).values() if feed.enabled]
    return {name: sha256 for name in enabled if (sha256 := store.record(name).sha256)}


def refuse_crowds(feeds: Mapping[str, Feed]) -> None:
    """Raise `UsageFault` for a group of more enabled feeds than one mask can tell apart."""
    zones_of = [feed.zone for feed in feeds.values() if feed.enabled]
    crowd = next((zone for zone in zones_of if zones_of.count(zone) > MOST_FEEDS), None)
    if crowd is not None:
        raise UsageFault(
            f"the feed group {crowd} has more than {MOST_FEEDS} feeds",
            fix="give some of them another zone",
        )


def stale(feed: Feed, record: Record, now: datetime) -> str | None:
    """Return how old the last good copy is if that is too old by the feed's `max_age`, or None."""
    if feed.max_age is None or record.last_ok is None:
        return None
    if times.parse(record.last_ok) + times.span(feed.max_age) >= now:
        return None
    return f"{feed.name}: its last good copy is {times.age(record.last_ok, now)} old"
