"""What resolvers were last seen to serve: kept between runs, for the metrics."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from rpzctl import times
from rpzctl.errors import RpzctlError
from rpzctl.files import write_shared
from rpzctl.manifest import ZoneEntry
from rpzctl.run import Run

FILE = "served.json"


class Seen(NamedTuple):
    """How a policy zone was last seen. Times are RFC 3339, UTC."""

    serials: Mapping[str, int]
    """by resolver; 0: of no generation that is kept"""
    good: str | None = None
    """when all resolvers were last seen to serve it as published"""


class Served(NamedTuple):
    """What resolvers were last seen to serve."""

    up: Mapping[str, bool] = MappingProxyType({})
    """whether a resolver answered when it was last asked"""
    zones: Mapping[str, Seen] = MappingProxyType({})
    """by origin"""


def load(state: Path) -> Served:
    """Return what is kept; nothing of what is damaged."""
    try:
        value = json.loads((state / FILE).read_bytes())
        zones: dict[str, Seen] = {}
        for origin, each in value["zones"].items():
            serials = {str(title): int(serial) for title, serial in each["serials"].items()}
            zones[origin] = Seen(serials, each["good"] and times.show(times.parse(each["good"])))
        return Served({str(title): bool(up) for title, up in value["up"].items()}, zones)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return Served()


def keep(state: Path, served: Served) -> None:
    """Record it. Raises `RpzctlError` when it cannot be written."""
    zones = {origin: seen._asdict() for origin, seen in served.zones.items()}
    text = json.dumps({"up": dict(served.up), "zones": zones}) + "\n"
    write_shared(state / FILE, text.encode(), mode=0o600)


def ask(
    run: Run, known: Served, zones: Sequence[ZoneEntry], asked: Sequence[ZoneEntry], now: datetime
) -> Served:
    """Ask all resolvers for `asked`, some of the published policy `zones`; add that to `known`.

    For a second each at most. What is no longer configured or published goes.
    """
    if not asked or not run.resolvers:
        return _of(known, run, zones)
    from rpzctl.resolvers.verify import live_serials

    up: dict[str, bool] = {}
    serials: dict[str, dict[str, int]] = {zone.origin: {} for zone in asked}
    for resolver in run.resolvers:
        found: dict[str, int | None] = {}
        try:
            found = live_serials(resolver, asked, run.store.kept, patience=0)
            up[resolver.title] = True
        except RpzctlError:
            up[resolver.title] = False
        for origin, serial in found.items():
            serials[origin][resolver.title] = serial or 0
    seen = dict(known.zones)
    for zone in asked:
        told = serials[zone.origin]
        serving = [resolver for resolver in run.resolvers if resolver.policy([zone.origin])]
        good = all(told.get(resolver.title) == zone.serial for resolver in serving)
        before = seen.get(zone.origin, Seen({}))
        seen[zone.origin] = Seen(told, times.show(now) if good else before.good)
    return _of(Served(up, seen), run, zones)


def _of(known: Served, run: Run, zones: Sequence[ZoneEntry]) -> Served:
    """Return what of it is about the resolvers and zones that there are now."""
    titles = [resolver.title for resolver in run.resolvers]
    seen: dict[str, Seen] = {}
    for zone in zones:
        each = known.zones.get(zone.origin, Seen({}))
        serials = {title: each.serials[title] for title in titles if title in each.serials}
        seen[zone.origin] = each._replace(serials=serials)
    return Served({title: known.up[title] for title in titles if title in known.up}, seen)
