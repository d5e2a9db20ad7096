"""A plan made into files: zone files, saved rows and fragments of the next generation."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

from rpzctl import (
    abilities,
    book,
    check,
    fragments,
    includes,
    process,
    render,
    serial,
    times,
)
from rpzctl.book import Book
from rpzctl.config import Config
from rpzctl.errors import CheckFailed
from rpzctl.files import Digested, file_digest, link
from rpzctl.fragments import file_of
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.plan import Candidate, Plan, zone_digest
from rpzctl.rows import Diff, QuickRows
from rpzctl.store import SINKHOLE, Store
from rpzctl.triggers import is_other


class Target(NamedTuple):
    """The policy as it should be published."""

    zones: tuple[Candidate, ...]
    """policy zones in order of precedence"""
    sinkhole: Candidate
    sinkholes: tuple[str, ...]
    fragments: Mapping[str, str]


class Step(NamedTuple):
    """From which generation (`base`) to which policy (`target`), when and where."""

    config: Config
    store: Store
    base: Manifest | None
    target: Target
    now: datetime
    prebuilt: Mapping[str, tuple[ZoneEntry, Path]] = MappingProxyType({})
    """zones that were written already, under their serials, and the folder they are in"""
    rules: Book | None = None
    """the operator's rules that it is made from, kept with it"""


def next_serial(
    config: Config, store: Store, base: Manifest | None, origin: str, now: datetime
) -> int:
    """Return the serial for a new version of the zone `origin`: newer than any it ever had."""
    last = base.serials.get(origin) if base else None
    remembered = store.remembered()[1].get(origin)
    if remembered is not None and (last is None or serial.is_newer(remembered, last)):
        last = remembered
    return serial.following(last, now, config.policy.serial)


def build_zone(candidate: Candidate, folder: Path, number: int) -> ZoneEntry:
    """Write the zone of `candidate` and its rows into `folder` under the serial `number`."""
    rows, drawn = candidate.rows, candidate.drawn
    assert rows is not None and drawn is not None, "a kept zone is linked, not built"  # noqa: S101, PT018 - the caller's duty
    head, tail = drawn.frame.stamped(number)
    path = folder / file_of(candidate.origin)
    with path.open("wb") as file:
        out = Digested(file)
        out.write(head)
        rows.write(out, drawn.shapes)
        length = out.tell() - len(head)
        out.write(tail)
    is_sinkhole = candidate.origin == SINKHOLE
    rows_file = None if is_sinkhole else candidate.origin + rows.suffix
    if rows_file:
        rows.save(folder / rows_file)
    return ZoneEntry(
        origin=candidate.origin,
        kind="sinkhole" if is_sinkhole else "policy",
        file=path.name,
        serial=number,
        digest=zone_digest(drawn, rows.digest()),
        rows=len(rows),
        frame=drawn.frame,
        span=(len(head), length),
        rows_file=rows_file,
        rows_digest=rows.digest(),
        sha256=out.hexdigest(),
        inputs=candidate.inputs,
    )


def link_zone(entry: ZoneEntry, source: Path, folder: Path) -> ZoneEntry:
    """Take over a zone's files from the generation in `source`."""
    for name in (entry.file, entry.rows_file):
        if name:
            link(source / name, folder / name)
    return entry


def restamp_zone(entry: ZoneEntry, source: Path, folder: Path, number: int) -> ZoneEntry:
    """Write a zone of the generation in `source` anew: the same content, a higher serial.

    A file that is older than what named has loaded would be passed over, and a lower serial
    would leave secondaries behind, so flipping back is not enough. What another hand changed in the
    file stays known as that: its digest is not taken for ours.
    """
    sound = file_digest(source / entry.file) == entry.sha256
    head, tail = entry.frame.stamped(number)
    start, length = entry.span
    with (source / entry.file).open("rb") as old, (folder / entry.file).open("wb") as new:
        new.write(head)
        old.seek(start)
        left = length
        while left and (block := old.read(min(left, 1 << 20))):
            new.write(block)
            left -= len(block)
        new.write(tail)
    if entry.rows_file:
        link(source / entry.rows_file, folder / entry.rows_file)
    sha256 = file_digest(folder / entry.file) if sound else entry.sha256
    return entry._replace(serial=number, span=(len(head), length), sha256=sha256)


def build(step: Step, folder: Path) -> Manifest:
    """Write the generation after `step.base` into `folder`; return its manifest.

    Zones that say the same as in `base` are linked, not written.
    """
    config, store, base, target, now = step.config, step.store, step.base, step.target, step.now
    zones: dict[str, ZoneEntry] = {}
    for candidate in (*target.zones, target.sinkhole):
        origin = candidate.origin
        old = base.zones.get(origin) if base else None
        if origin in step.prebuilt:
            entry, source = step.prebuilt[origin]
            zones[origin] = link_zone(entry, source, folder)
        elif base and old and (candidate.kept or old.digest == candidate.digest):
            inputs = candidate.inputs or old.inputs
            zones[origin] = link_zone(old, store.folder(base), folder)._replace(inputs=inputs)
        else:
            number = next_serial(config, store, base, origin, now)
            zones[origin] = build_zone(candidate, folder, number)
    for name, text in target.fragments.items():
        path = folder / name
        old_path = store.folder(base) / name if base else None
        if old_path and old_path.is_file() and old_path.read_text(encoding="utf-8") == text:
            link(old_path, path)
        else:
            path.write_text(text, encoding="utf-8")
    if step.rules is not None:
        book.save(step.rules, folder, store.folder(base) if base else None)
    return Manifest(
        generation=store.next_number(),
        made=times.show(now),
        zones=zones,
        sinkholes=target.sinkholes,
        serials={**(base.serials if base else {}), **{o: z.serial for o, z in zones.items()}},
    )


class Content(NamedTuple):
    """What a generation said: each zone and the folder its files are in, and the fragments."""

    zones: Mapping[str, tuple[ZoneEntry, Path]]
    fragments: Mapping[str, str]
    sinkholes: tuple[str, ...]
    rules: Path
    """the folder of the rules that it was made from"""


def content(config: Config, store: Store, good: Manifest) -> Content:
    """Return what the generation `good` said. Raises `RpzctlError`.

    For a kind of resolver that is configured since, it is said in that kind's fragments.
    """
    folder = store.folder(good)
    texts = fragments.published(folder)
    if not texts.keys() >= set(fragments.names(config)):
        texts = {**_drawn(config, store, good, good.policy_zones), **texts}
    zones = {origin: (entry, folder) for origin, entry in good.zones.items()}
    return Content(zones, texts, good.sinkholes, folder)


def _drawn(config: Config, store: Store, made: Manifest, zones: Sequence[str]) -> dict[str, str]:
    """Return the fragments of `zones`, with the operator's rules of the generation `made`."""
    env = render.environment(config)
    rows = fragments.rows_of(config, store.folder(made), made)
    return fragments.drawn(env, config, store.current_link, zones, made.sinkholes, rows)


def mixed(config: Config, store: Store, good: Manifest, current: Manifest) -> Content:
    """Return the feed zones of `good` under the operator's zone and sinkholes of `current`."""
    old, new = content(config, store, good), content(config, store, current)
    zones = {**old.zones}
    for origin in (config.policy.operator_zone, SINKHOLE):
        zones[origin] = new.zones[origin]
    texts = dict(old.fragments)
    if fragments.SINKHOLES in new.fragments:
        texts[fragments.SINKHOLES] = new.fragments[fragments.SINKHOLES]
    if new.sinkholes != old.sinkholes:
        policy_zones = [origin for origin in zones if origin != SINKHOLE]
        anew = _drawn(config, store, current, policy_zones)
        texts.update({name: anew[name] for name in anew if fragments.names_sinkholes(name)})
    return Content(zones, texts, new.sinkholes, new.rules)


def rebuild(
    config: Config, store: Store, wanted: Content, failed: Manifest, folder: Path, now: datetime
) -> Manifest:
    """Write `wanted` into `folder` as the generation after `failed`."""
    zones = {}
    for origin, (entry, source) in wanted.zones.items():
        later = failed.zones.get(origin)
        if later is not None and later.serial == entry.serial:
            zones[origin] = link_zone(entry, source, folder)
        elif later is not None and later.digest == entry.digest:
            zones[origin] = link_zone(later, store.folder(failed), folder)
        else:
            number = next_serial(config, store, failed, origin, now)
            zones[origin] = restamp_zone(entry, source, folder, number)
    for name, text in wanted.fragments.items():
        (folder / name).write_text(text, encoding="utf-8")
    for name in book.FILES:
        if (wanted.rules / name).is_file():  # an older rpzctl kept none
            link(wanted.rules / name, folder / name)
    return Manifest(
        generation=store.next_number(),
        made=times.show(now),
        zones=zones,
        sinkholes=wanted.sinkholes,
        serials={**failed.serials, **{o: z.serial for o, z in zones.items()}},
    )


Checks = list[tuple[ZoneEntry, process.Running]]
"""Runs of named-checkzone under way."""


def start_checks(step: Step, manifest: Manifest, folder: Path) -> Checks:
    """Start named-checkzone on what is new in the generation in `folder`, and not checked yet."""
    new = [zone.origin for zone in _fresh(step, manifest) if zone.origin not in step.prebuilt]
    return start_checkzone([manifest.zones[origin] for origin in new], folder)


def _fresh(step: Step, manifest: Manifest) -> list[Candidate]:
    """Return the zones that are new in `manifest`."""
    old = step.base.zones if step.base else {}
    serials = {origin: zone.serial for origin, zone in old.items()}
    return [
        candidate
        for candidate in (*step.target.zones, step.target.sinkhole)
        if manifest.zones[candidate.origin].serial != serials.get(candidate.origin)
    ]


def finish_checks(
    step: Step, plan: Plan, manifest: Manifest, folder: Path, running: Checks
) -> list[check.Finding]:
    """Check what is new in the generation in `folder`; return the findings."""
    diffs = {zone.origin: zone.diff for zone in plan.zones}
    found = []
    kinds = dict.fromkeys(resolver.kind for resolver in step.config.resolver)
    for candidate in _fresh(step, manifest):
        if candidate.origin not in step.prebuilt:  # that one was checked when it was built
            found += check_zone(
                candidate, manifest.zones[candidate.origin], folder, diffs.get(candidate.origin)
            )
        found += _by_kind(step, tuple(kinds), candidate, diffs.get(candidate.origin))
    if plan.fragments:
        for resolver in step.config.resolver:
            found += includes.configuration(
                resolver, step.target.fragments, step.store.current_link
            )
    return found + finish_checkzone(running)


def _by_kind(
    step: Step, kinds: Collection[str], candidate: Candidate, diff: Diff | None
) -> list[check.Finding]:
    """Find what kinds of resolvers make of a zone otherwise: errors, and warnings of new rows."""
    origin = candidate.origin
    is_small = isinstance(candidate.rows, QuickRows)
    fresh = [*diff.added, *diff.changed] if diff and is_small else []
    is_operators = origin == step.config.policy.operator_zone
    found = abilities.for_none(kinds, origin, fresh) if is_operators else []
    for kind in kinds:
        found += abilities.of_candidate(kind, candidate)
        found += abilities.unknown(kind, origin, fresh)
    if is_operators and any(is_other(row.name) for row in fresh):
        from rpzctl import dependence  # few rules are on anything but names

        rows = candidate.rows.all() if candidate.rows else ()
        found += [each for kind in kinds for each in dependence.of_rules(kind, origin, fresh, rows)]
    return found


def check_zone(
    candidate: Candidate, entry: ZoneEntry, folder: Path, diff: Diff | None
) -> list[check.Finding]:
    """Check one zone as written, but for BIND's tools."""
    return check_written(candidate, entry, folder) + check_sample(candidate, entry, diff)


def check_written(candidate: Candidate, entry: ZoneEntry, folder: Path) -> list[check.Finding]:
    """Check the frame of a zone, and hold its file against the rows."""
    rows, drawn = candidate.rows, candidate.drawn
    assert rows is not None and drawn is not None, "a kept zone is not checked again"  # noqa: S101, PT018 - the caller's duty
    found = check.frame_whole(entry.origin, entry.frame, canary=entry.kind == "policy")
    file = folder / entry.file
    return found + check.written(file, entry.origin, rows, entry.span, drawn.shapes, entry.sha256)


def check_sample(candidate: Candidate, entry: ZoneEntry, diff: Diff | None) -> list[check.Finding]:
    """Have dnspython read a small zone whole, of a large one what is new and a sample."""
    rows, drawn = candidate.rows, candidate.drawn
    assert rows is not None and drawn is not None, "a kept zone is not checked again"  # noqa: S101, PT018 - the caller's duty
    if len(rows) <= check.SMALL or diff is None:
        read = list(rows.all())
    else:
        new = [part for part in (diff.added, diff.changed) if len(part)]
        read = [row for part in new for row in part.sample(check.NEW)]
        if len(diff.added) < len(rows):
            read += rows.all().sample(check.SAMPLE)
    return check.dnspython_sample(check_origin(entry.origin), entry.frame, read, drawn.shapes)


def start_checkzone(entries: Iterable[ZoneEntry], folder: Path) -> Checks:
    """Start named-checkzone on each zone, where it is installed."""
    started = (
        (entry, check.checkzone(check_origin(entry.origin), folder / entry.file))
        for entry in entries
    )
    return [(entry, child) for entry, child in started if child is not None]


def finish_checkzone(running: Checks) -> list[check.Finding]:
    """Wait for what `start_checkzone` started; return the findings."""
    return [
        finding
        for entry, child in running
        for finding in check.checkzone_findings(entry.origin, child, entry.rows)
    ]


def refuse(findings: Iterable[check.Finding]) -> None:
    """Raise `CheckFailed` with the errors among `findings`, if there are any."""
    errors = [finding.text() for finding in findings if finding.severity == "error"]
    if errors:
        raise CheckFailed(
            "the new policy is not fit to publish; nothing was published", details=errors
        )


def check_origin(origin: str) -> str:
    """Return the origin to check a zone under.

    The sinkhole zone file fits any name; it is checked under one that is nobody's.
    """
    return "sinkhole.invalid" if origin == SINKHOLE else origin
