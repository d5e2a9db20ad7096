"""`check` and `status`: what is there, whether it is sound, whether it is live. Changes nothing."""

import tempfile
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from rpzctl import (
    abilities,
    build,
    catalogue,
    check,
    dependence,
    drift,
    feed_groups,
    fragments,
    guards,
    includes,
    planning,
    sync,
    times,
    views,
    whatif,
)
from rpzctl.book import Book, read_book
from rpzctl.check import Finding, error
from rpzctl.config import Paths
from rpzctl.errors import RpzctlError
from rpzctl.files import read_text
from rpzctl.manifest import Hold, Manifest, ZoneEntry
from rpzctl.resolvers.verify import live_serials
from rpzctl.run import Run


class ZoneStatus(NamedTuple):
    """A published policy zone, and which resolvers serve it."""

    origin: str
    rows: int
    serial: int
    """that is published"""
    monitored: bool
    """it is logged, and not applied"""
    live: dict[str, int | None]
    """the serial that each resolver serves, None if it is none of those kept; empty when none
    could be asked"""
    wanted: bool = True
    """some resolver is to serve it; else it is in no view"""

    @property
    def is_live(self) -> bool:
        """Whether every resolver that is to serve it serves what is published."""
        if not self.wanted:
            return True
        return bool(self.live) and all(serial == self.serial for serial in self.live.values())

    def live_text(self) -> str:
        """Return it for people."""
        if not self.wanted:
            return "in no view"
        if not self.live:
            return "unknown"
        if self.is_live:
            return "monitored" if self.monitored else "yes"
        return "NO: " + ", ".join(str(serial or "another policy") for serial in self.live.values())


class FeedStatus(NamedTuple):
    """A feed and its last good copy."""

    name: str
    zone: str
    names: int
    age: str
    state: str


class Status(NamedTuple):
    """What `status` shows."""

    generation: int
    made: str | None
    proven_at: str | None
    zones: tuple[ZoneStatus, ...]
    sinkholes: int
    blocked: int
    allowed: int
    expired: int
    pending: bool
    """the rules or settings say something else than what is published"""
    held: Hold | None
    """an earlier policy stays until a person ends that"""
    problems: tuple[str, ...]
    feeds: tuple[FeedStatus, ...]

    @property
    def live(self) -> bool:
        """Whether every resolver serves what is published."""
        return bool(self.zones) and all(zone.is_live for zone in self.zones)

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            **self._asdict(),
            "live": self.live,
            "zones": [{**zone._asdict(), "is_live": zone.is_live} for zone in self.zones],
            "feeds": [feed._asdict() for feed in self.feeds],
            "held": self.held._asdict() if self.held else None,
            "problems": list(self.problems),
        }


def feed_status(run: Run) -> list[FeedStatus]:
    """Return the state of the enabled feeds. Raises `UsageFault` for bad definitions."""
    store = feed_groups.snapshots(run.config)
    found = []
    for feed in catalogue.load(run.config).values():
        record = store.record(feed.name)
        if not feed.enabled:
            continue
        age = times.age(record.last_ok, run.now) if record.last_ok else "-"
        state = record.fault or ("ok" if record.sha256 else "never fetched")
        found.append(FeedStatus(feed.name, feed.zone, record.names, age, state))
    return found


def status(run: Run) -> Status:
    """Return the state of rules, zones, feeds and resolvers."""
    problems: list[str] = []
    try:
        book = read_book(run.config.repo)
    except RpzctlError as fault:
        book = None
        problems += [fault.message, *fault.details]
    rules = book.rules if book else []
    in_force = [rule for rule in rules if rule.in_force(run.now)]
    current = run.store.current()
    entries = [z for z in (current.zones.values() if current else ()) if z.kind == "policy"]
    live: dict[str, dict[str, int | None]] = {entry.origin: {} for entry in entries}
    for resolver in run.resolvers:
        try:
            for origin, serial in live_serials(resolver, entries, run.store.kept).items():
                live[origin][resolver.title] = serial
        except RpzctlError as fault:
            problems.append(fault.message)
    problems += _drifted(run, current)
    feeds: list[FeedStatus] = []
    try:
        feeds = feed_status(run)
    except RpzctlError as fault:
        problems += [fault.message, *fault.details]
    return Status(
        generation=current.generation if current else 0,
        made=current.made if current else None,
        proven_at=run.store.proven_at(),
        zones=tuple(
            ZoneStatus(
                e.origin,
                e.rows,
                e.serial,
                e.monitored,
                live[e.origin],
                not run.resolvers or any(each.policy([e.origin]) for each in run.resolvers),
            )
            for e in entries
        ),
        sinkholes=len(current.sinkholes) if current else 0,
        blocked=sum(rule.verb == "block" for rule in in_force),
        allowed=sum(rule.verb == "allow" for rule in in_force),
        expired=len(rules) - len(in_force),
        pending=bool(book) and _pending(run, problems),
        held=current.held if current else None,
        problems=tuple(problems),
        feeds=tuple(feeds),
    )


def _drifted(run: Run, current: Manifest | None) -> list[str]:
    """Return what another hand changed, in the time that any number of names takes."""
    if current is None:
        return []
    found = drift.published(run.config, run.store, current, thorough=False)
    # That settings say something else since is what `pending` tells.
    told = [f for f in found if f.severity == "error" or "written after" in f.message]
    told += [
        finding
        for resolver in run.config.resolver
        for finding in includes.not_included(resolver, run.store.current_link)
    ]
    return [f"{f.where} {f.message}" + (f": {f.fix}" if f.fix else "") for f in told]


def _pending(run: Run, problems: list[str]) -> bool:
    try:
        return not sync.plan(run).is_empty
    except RpzctlError as fault:
        problems += [fault.message, *fault.details]
        return True


def check_repo(run: Run, also: Collection[str] = ()) -> list[Finding]:
    """Check what the policy repo says, and nothing of this machine: for where nothing is published.

    Expectations that rest on feeds cannot be held there: warnings, as copies of feeds are missing.
    """
    with tempfile.TemporaryDirectory(prefix="rpzctl-check-") as name:
        paths = Paths(output=Path(name, "output"), state=Path(name, "state"))
        alone = run._replace(config=run.config.but(paths=paths), resolvers=(), reload=False)
        kinds = dict.fromkeys([*(resolver.kind for resolver in run.config.resolver), *also])
        found, book = _written(alone, kinds)
        if book is None:
            return found
        uses_feeds = any(feed.enabled for feed in _known_feeds(alone))
        for each in _cases(alone):
            unsure = uses_feeds and "is not rewritten" in each.message
            told = "it may rest on feeds, of which there are no copies here"
            found.append(each._replace(severity="warning", fix=told) if unsure else each)
        target, _ = planning.make_target(alone, book, None, None)
        for candidate in target.zones:
            if candidate.rows is None:
                continue
            for kind in kinds:
                found += abilities.unknown(kind, candidate.origin, candidate.rows.all())
        return found


def _known_feeds(run: Run) -> Iterable[catalogue.Feed]:
    try:
        return catalogue.load(run.config).values()
    except RpzctlError:
        return ()


def _written(run: Run, kinds: Iterable[str]) -> tuple[list[Finding], Book | None]:
    """Check the rule files, templates and definitions; no rules are given if they have faults."""
    try:
        book = read_book(run.config.repo)
    except RpzctlError as fault:
        told = fault.details or (fault.message,)
        return [error("rules", run.config.repo, line) for line in told], None
    return [*_rules(run, book, kinds), *_feeds(run)], book


def check_all(run: Run, also: Collection[str] = ()) -> list[Finding]:
    """Check the rule files, the templates, and every record of the published generation.

    What the configured kinds of resolvers cannot do is found, and what those in `also` could not.
    Faults of the configuration itself are raised before this is called.
    """
    kinds = dict.fromkeys([*(resolver.kind for resolver in run.config.resolver), *also])
    found, book = _written(run, kinds)
    if book is None:
        return found
    found += _cases(run)
    current = run.store.current()
    if current is None:
        return [
            *found,
            error("generation", run.config.output, "nothing is published", "rpzctl apply"),
        ]
    changed = list(drift.published(run.config, run.store, current, thorough=True))
    found += changed
    folder = run.store.folder(current)
    damaged = {each.where for each in changed}
    for entry in current.zones.values():
        if str(folder / entry.file) not in damaged:
            found += _zone(folder, entry)
            for kind in kinds if entry.kind == "policy" else ():
                found += abilities.of_zone_file(kind, entry.origin, folder / entry.file)
                found += abilities.of_monitored(kind, entry.origin) if entry.monitored else []
    order = [(each, folder / current.zones[each].file) for each in current.policy_zones]
    if not damaged & {str(path) for _, path in order}:
        found += [each for kind in kinds for each in dependence.findings(kind, order)]
    found += [
        each
        for name, group in run.config.group.items()
        for kind in kinds
        for each in abilities.of_max_ttl(kind, name, group.max_policy_ttl)
    ]
    rows = {origin: current.zones[origin].rows for origin in current.policy_zones}
    found += views.findings(run.config, rows)
    once: dict[tuple[str, str, str], Finding] = {}
    for each in found:
        once.setdefault(_about(each), each)
    return [*once.values(), *_published_fragments(run, current), *_not_live(run, current)]


def _about(finding: Finding) -> tuple[str, str, str]:
    """Return what a finding is about: what is published and what is written say the same once."""
    is_of_kind = finding.id == "resolver"
    message = finding.message.partition("; first: ")[0] if is_of_kind else finding.message
    return finding.id, finding.where, message


def _cases(run: Run) -> list[Finding]:
    try:
        return whatif.findings(run)
    except RpzctlError as fault:
        return [error("case", run.config.repo, line) for line in (fault.message, *fault.details)]


def _published_fragments(run: Run, current: Manifest) -> list[Finding]:
    folder = run.store.folder(current)
    texts = {name: read_text(folder / name) for name in fragments.names(run.config)}
    there = {name: text for name, text in texts.items() if text is not None}
    found: list[Finding] = []
    if len(there) < len(texts):
        return found  # which is told as drift
    for resolver in run.config.resolver:
        found += includes.configuration(resolver, there, run.store.current_link)
        found += includes.not_included(resolver, run.store.current_link)
    return found


def _rules(run: Run, book: Book, kinds: Iterable[str]) -> list[Finding]:
    """Judge all rules, and carry the templates out once."""
    try:
        target, made = planning.make_target(run, book, run.store.current(), None)
    except RpzctlError as fault:
        return [error("policy", run.config.repo, line) for line in (fault.message, *fault.details)]
    found = [
        error("guard", book.where(rule), stop.text(), "or --force")
        for rule in made.rules
        for stop in planning.judged_rules(run.config, [rule])
    ]
    found += [
        error("contradiction", book.where(block), f"contradicts 'allow {allow.shown()}'")
        for block, allow in guards.contradictions(made.rules)
    ]
    return found + _dry_build(run, target, kinds)


def _dry_build(run: Run, target: build.Target, kinds: Iterable[str]) -> list[Finding]:
    """Build what the rules and templates come to in a folder of its own, and check it there."""
    found: list[Finding] = []
    with tempfile.TemporaryDirectory(prefix="rpzctl-check-") as name:
        folder = Path(name)
        for candidate in (*target.zones, target.sinkhole):
            if candidate.rows is not None:
                entry = build.build_zone(candidate, folder, 1)
                running = build.start_checkzone([entry], folder)
                found += build.check_zone(candidate, entry, folder, None)
                found += build.finish_checkzone(running)
                for kind in kinds:
                    found += abilities.of_candidate(kind, candidate)
        for resolver in run.config.resolver:
            found += includes.configuration(resolver, target.fragments, run.store.current_link)
    return found


def _feeds(run: Run) -> list[Finding]:
    try:
        catalogue.load(run.config)
    except RpzctlError as fault:
        return [error("feeds", run.config.repo / "feeds", line) for line in fault.details]
    return []


def _zone(folder: Path, entry: ZoneEntry) -> list[Finding]:
    """Have the other readers read a zone that is as it was written."""
    path = folder / entry.file
    running = build.start_checkzone([entry], folder)
    origin = build.check_origin(entry.origin)
    with path.open(encoding="ascii", errors="replace") as text:
        found = check.dnspython_lines(origin, text)
    return found + build.finish_checkzone(running)


def _not_live(run: Run, current: Manifest) -> list[Finding]:
    """Find zones that a resolver does not serve as published: a warning, as it may be down."""
    found = []
    for resolver in run.resolvers:
        try:
            found += drift.not_live(resolver, current, run.store.kept)
        except RpzctlError as fault:
            found.append(Finding("live", "warning", resolver.title, fault.message, fault.fix))
    return [each._replace(severity="warning") for each in found]
