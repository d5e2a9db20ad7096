"""Figures for Prometheus: what operators watch, as text for node_exporter's textfile collector.

Times are Unix seconds: how old something is, the rule says (``time() - ...``).
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from rpzctl import __version__, catalogue, feed_groups, last_runs, served, times
from rpzctl.book import read_book
from rpzctl.catalogue import Feed
from rpzctl.errors import RpzctlError
from rpzctl.event import Event
from rpzctl.exposition import Family, Sample, text
from rpzctl.files import write_shared
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.run import Run
from rpzctl.served import Served
from rpzctl.snapshots import Record

MODE = 0o644
"""the collector runs as another user"""
REASONS = ("fetch", "size", "content", "secret")
"""why an old copy of a feed is kept: it did not come, its size swung, it was no list, or its secret
was missing and nobody was asked"""
_WHOLE = frozenset({"sync", "apply", "rollback", "rollforward"})
"""commands after which resolvers are asked for all zones"""
_RULES = frozenset({"block", "allow", "unblock", "unallow", "import"})
"""those after which they are asked for the operator's alone, unless it did not come to that"""
_UNASKED = frozenset({"recorded", "refused", "locked"})
_SWINGS = ("went from ", "says that it has ")
Warn = Callable[[str], None]


def refresh(run: Run, told: Event, warn: Warn) -> None:
    """Write the file anew after the command of `told`. Raises `RpzctlError`.

    Resolvers are asked for the zones that the command would have asked for.
    """
    current = run.store.current()
    zones = _policy(current)
    asked: list[ZoneEntry] = []
    if run.reload and told.command in _WHOLE:
        asked = zones
    elif run.reload and told.command in _RULES and told.outcome not in _UNASKED:
        asked = [zone for zone in zones if zone.origin == run.config.policy.operator_zone]
    known = served.load(run.config.state)
    seen = served.ask(run, known, zones, asked, told.end)
    if seen != known:
        served.keep(run.config.state, seen)
    write(run, collected(run, told.end, current, seen, warn))


def now(run: Run, warn: Warn, *, keep: bool) -> list[Family]:
    """Return all figures as they are now; resolvers are asked, for about a second each at most.

    `keep`: what they said is known to the next run. Raises `RpzctlError` if that cannot be kept.
    """
    current = run.store.current()
    zones = _policy(current)
    seen = served.ask(run, served.load(run.config.state), zones, zones, run.now)
    if keep:
        served.keep(run.config.state, seen)
    return collected(run, run.now, current, seen, warn)


def write(run: Run, families: Sequence[Family]) -> None:
    """Write the file that the configuration names. Raises `RpzctlError`."""
    file = run.config.metrics.file
    if file is not None:
        write_shared(run.config.repo / file, text(families).encode(), mode=MODE)


def collected(
    run: Run, moment: datetime, current: Manifest | None, seen: Served, warn: Warn
) -> list[Family]:
    """Return all figures of `moment`. What cannot be read is left out, and told."""
    families = [
        Family("rpzctl_build_info", "Version.", (Sample(1, {"version": __version__}),)),
        *_generation(run, current),
        *_zones(run, current),
        *_served(seen),
        *_runs(run),
    ]
    for room in (_rules, _feeds):
        try:
            families += room(run, moment)
        except RpzctlError as fault:
            warn(f"not among the metrics: {fault.message}")
    return [family for family in families if family.samples]


def value(families: Sequence[Family]) -> list[dict[str, Any]]:
    """Return the figures as a JSON-ready document."""
    return [
        {
            "name": family.name,
            "help": family.help,
            "samples": [{"labels": dict(s.labels), "value": s.value} for s in family.samples],
        }
        for family in families
    ]


def _policy(current: Manifest | None) -> list[ZoneEntry]:
    return [z for z in (current.zones.values() if current else ()) if z.kind == "policy"]


def _generation(run: Run, current: Manifest | None) -> Iterator[Family]:
    if current is None:
        return
    held = current.held
    proven = run.store.proven_at()
    yield _one("rpzctl_generation", "Number of the published generation.", current.generation)
    yield _one(
        "rpzctl_generation_timestamp_seconds",
        "When the published generation was made.",
        _seconds(current.made),
    )
    yield _one(
        "rpzctl_proven_timestamp_seconds",
        "When resolvers were last seen to serve a newly published generation; 0: never.",
        _seconds(proven),
    )
    proved = run.store.proven()
    yield _one(
        "rpzctl_proven_generation",
        "Number of the generation that resolvers were last seen to serve; 0: none.",
        proved.generation if proved else 0,
    )
    yield _one("rpzctl_policy_held", "1 while an earlier policy is held by a rollback.", bool(held))
    if held:
        yield _one(
            "rpzctl_policy_held_since_timestamp_seconds",
            "Since when an earlier policy is held.",
            _seconds(held.at),
        )
    yield _one("rpzctl_sinkhole_zones", "Sinkhole zones of single names.", len(current.sinkholes))


def _zones(run: Run, current: Manifest | None) -> Iterator[Family]:
    zones = _policy(current)
    folder = run.store.folder(current) if current else run.config.output
    changed: list[Sample] = []
    for zone in zones:
        try:
            written = (folder / zone.file).stat().st_mtime
        except OSError:
            continue
        changed.append(Sample(int(written), {"zone": zone.origin}))
    yield Family(
        "rpzctl_zone_serial",
        "Published SOA serial of a policy zone.",
        tuple(Sample(zone.serial, {"zone": zone.origin}) for zone in zones),
    )
    yield Family(
        "rpzctl_zone_rows",
        "Rows of a policy zone: names, each with or without what is below it.",
        tuple(Sample(zone.rows, {"zone": zone.origin}) for zone in zones),
    )
    yield Family(
        "rpzctl_zone_changed_timestamp_seconds",
        "When a policy zone last changed.",
        tuple(changed),
    )


def _served(seen: Served) -> Iterator[Family]:
    yield Family(
        "rpzctl_zone_live_serial",
        "Serial of a policy zone that a resolver was last seen to serve; 0: of no generation that "
        "is kept.",
        tuple(
            Sample(serial, {"zone": origin, "resolver": resolver})
            for origin, zone in seen.zones.items()
            for resolver, serial in zone.serials.items()
        ),
    )
    yield Family(
        "rpzctl_zone_last_success_timestamp_seconds",
        "When all resolvers were last seen to serve a policy zone as published; 0: never.",
        tuple(Sample(_seconds(zone.good), {"zone": origin}) for origin, zone in seen.zones.items())
        if seen.up
        else (),
    )
    yield Family(
        "rpzctl_resolver_up",
        "1 if a resolver answered when it was last asked.",
        tuple(Sample(up, {"resolver": resolver}) for resolver, up in seen.up.items()),
    )


def _runs(run: Run) -> Iterator[Family]:
    last = last_runs.load(run.config.state)
    by = [({"command": each.command}, each) for each in last]
    yield Family(
        "rpzctl_last_run_timestamp_seconds",
        "When the last run of a command ended.",
        tuple(Sample(_seconds(each.ended), labels) for labels, each in by),
    )
    yield Family(
        "rpzctl_last_run_duration_seconds",
        "How long the last run of a command took.",
        tuple(Sample(each.seconds, labels) for labels, each in by),
    )
    yield Family(
        "rpzctl_last_run_success",
        "1 if the last run of a command ended well, if only with nothing to do.",
        tuple(Sample(each.is_good, labels) for labels, each in by),
    )
    yield Family(
        "rpzctl_last_run_outcome",
        "What the last run of a command came to.",
        tuple(Sample(1, {**labels, "outcome": each.outcome}) for labels, each in by),
    )
    yield Family(
        "rpzctl_last_success_timestamp_seconds",
        "When a run of a command last ended well; 0: never.",
        tuple(Sample(_seconds(each.succeeded), labels) for labels, each in by),
    )


def _rules(run: Run, moment: datetime) -> list[Family]:
    rules = read_book(run.config.repo).rules
    counts = {
        (verb, state): sum(
            rule.verb == verb and rule.in_force(moment) == (state == "in_force") for rule in rules
        )
        for verb in ("block", "allow")
        for state in ("in_force", "expired")
    }
    ends = [rule.expires for rule in rules if rule.expires and rule.in_force(moment)]
    soonest = (Sample(int(min(ends).timestamp())),) if ends else ()
    return [
        Family(
            "rpzctl_rules",
            "The operator's rules.",
            tuple(Sample(n, {"verb": v, "state": s}) for (v, s), n in counts.items()),
        ),
        Family(
            "rpzctl_next_expiry_timestamp_seconds",
            "When the next of the operator's rules expires.",
            soonest,
        ),
    ]


class _Known(NamedTuple):
    feed: Feed
    record: Record
    labels: Mapping[str, str]


_FIGURES: tuple[tuple[str, str, Callable[[Record], float]], ...] = (
    ("entries", "Entries of a feed's last good copy, of all sorts.", lambda r: r.size.entries),
    ("names", "Names in a feed's last good copy.", lambda r: r.names),
    ("networks", "Networks in a feed's last good copy.", lambda r: r.networks or 0),
    ("rejects", "Lines of a feed's last good copy that gave nothing.", lambda r: r.rejected),
    (
        "last_success_timestamp_seconds",
        "When a feed last gave a good copy, or said that ours still is one; 0: never.",
        lambda r: _seconds(r.last_ok),
    ),
    (
        "last_change_timestamp_seconds",
        "When a feed last gave another copy; 0: never.",
        lambda r: _seconds(r.last_changed),
    ),
    (
        "last_check_timestamp_seconds",
        "When a feed was last asked; 0: never.",
        lambda r: _seconds(r.last_checked),
    ),
    ("failures", "Checks in a row that brought no answer.", lambda r: r.failures),
)


def _feeds(run: Run, moment: datetime) -> list[Family]:
    store = feed_groups.snapshots(run.config)
    known = [
        _Known(feed, store.record(feed.name), {"feed": feed.name, "zone": feed.zone})
        for feed in catalogue.enabled(run.config)
    ]
    families = [
        Family(
            f"rpzctl_feed_{name}",
            said,
            tuple(Sample(figure(each.record), each.labels) for each in known),
        )
        for name, said, figure in _FIGURES
    ]
    return [
        *families,
        Family(
            "rpzctl_feed_held_back",
            "1 while a feed's old copy is kept, or it has none, because of what came last.",
            tuple(
                Sample(reason(each.record) == one, {**each.labels, "reason": one})
                for each in known
                for one in REASONS
            ),
        ),
        Family(
            "rpzctl_feed_stale",
            "1 if a feed's last good copy is older than its max_age.",
            tuple(
                Sample(feed_groups.stale(e.feed, e.record, moment) is not None, e.labels)
                for e in known
            ),
        ),
    ]


def reason(record: Record) -> str | None:
    """Return which of `REASONS` keeps a feed's old copy; None: what came last was good."""
    if not record.fault:
        return None
    if record.failures:
        return "fetch" if record.asked else "secret"
    return "size" if record.fault.startswith(_SWINGS) else "content"


def _one(name: str, said: str, value: float) -> Family:
    return Family(name, said, (Sample(value),))


def _seconds(moment: str | None) -> int:
    """Return an RFC 3339 moment as Unix seconds; 0 for none."""
    return int(times.parse(moment).timestamp()) if moment else 0
