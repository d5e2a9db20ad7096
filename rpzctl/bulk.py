"""Feeds to policy zones: the last good copies of each group's feeds, merged into its table.

What has not changed costs a comparison of digests: no bulk library is imported for it.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import build, catalogue, pipeline, render
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import UsageFault
from rpzctl.files import to_disk
from rpzctl.guards import Stop
from rpzctl.plan import Candidate, zone_change
from rpzctl.run import Run
from rpzctl.snapshots import Record, Snapshots, digest, read_as
from rpzctl.store import Manifest, ZoneEntry, digest_of

if TYPE_CHECKING:
    import polars as pl

    from rpzctl.table import TableRows


class Group(NamedTuple):
    """A feed group and those of its enabled feeds that have a last good copy."""

    name: str
    feeds: tuple[tuple[Feed, Record], ...]


class Report(NamedTuple):
    """What happened to the names of one zone on their way in."""

    origin: str
    names: int
    stops: tuple[Stop, ...]
    stopped: int
    too_long: int
    covered: int
    held: tuple[str, ...] = ()
    """feeds whose copy makes no sense in the format that the definition now says, and why"""


class Zones(NamedTuple):
    """The feed zones as they should be."""

    candidates: tuple[Candidate, ...]
    reports: tuple[Report, ...]
    """of those that were made anew"""


def snapshots(config: Config) -> Snapshots:
    """Return the folder of last good copies."""
    return Snapshots(config.state / "feeds")


def groups(config: Config, feeds: Mapping[str, Feed]) -> list[Group]:
    """Return the groups in order of precedence: as configured, then by name."""
    store = snapshots(config)
    members: dict[str, list[tuple[Feed, Record]]] = {}
    for feed in feeds.values():
        record = store.record(feed.name)
        if feed.enabled and record.sha256:
            members.setdefault(feed.zone, []).append((feed, record))
    clash = next((g for g in members if config.origin(g) == config.policy.operator_zone), None)
    if clash:
        raise UsageFault(
            f"the feed group {clash} would have the operator's zone {config.policy.operator_zone}",
            details=[str(feed.file) for feed, _ in members[clash]],
            fix="give the group another name, or change policy.operator_zone or policy.suffix",
        )
    order = {name: place for place, name in enumerate(config.policy.order)}
    names = sorted(members, key=lambda name: (order.get(name, len(order)), name))
    return [Group(name, tuple(members[name])) for name in names]


def zones(run: Run, base: Manifest | None) -> Zones:
    """Return the feed zones; one whose feeds, settings and templates are as before is kept."""
    config = run.config
    env = render.environment(config)
    candidates, reports = [], []
    for group in groups(config, catalogue.load(config)):
        origin = config.origin(group.name)
        action = config.group_action(group.name)
        drawn = render.zone(env, "bind/rpz.zone.j2", config, origin, [action])
        inputs = _inputs(config, group, drawn)
        old = base.zones.get(origin) if base else None
        if old and old.inputs == inputs:
            candidates.append(Candidate(origin, kept=old))
            continue
        run.stage(f"merging the feeds of {origin}")
        rows, report = _table(config, group, origin)
        candidates.append(Candidate(origin, drawn=drawn, rows=rows, inputs=inputs))
        reports.append(report)
    return Zones(tuple(candidates), tuple(reports))


def _inputs(config: Config, group: Group, drawn: render.Drawn) -> str:
    """Return a digest of all that a group's zone is made from."""
    suffix_list = pipeline.suffix_list(config).text
    return digest_of(
        [(f.name, r.sha256, read_as(f), f.subdomains, r.expires) for f, r in group.feeds],
        drawn.frame,
        [(str(action), shape) for action, shape in drawn.shapes.items()],
        sorted(pipeline.protected(config).names),
        digest(suffix_list),
    )


def _table(config: Config, group: Group, origin: str) -> tuple["TableRows", Report]:
    """Merge the names of a group's feeds, guard and collapse them."""
    from rpzctl import table

    read = [(feed, *names_of(config, feed, record)) for feed, record in group.feeds]
    sources = [table.Source(feed.name, names, feed.subdomains) for feed, names, _ in read]
    made = table.combine(sources, origin, pipeline.suffix_list(config), pipeline.protected(config))
    held = tuple(f"{feed.name}: {fault}" for feed, _, fault in read if fault)
    report = Report(
        origin, made.frame.height, made.stops, made.stopped, made.too_long, made.covered, held
    )
    return table.TableRows(made.frame, config.group_action(group.name)), report


def names_of(config: Config, feed: Feed, record: Record) -> "tuple[pl.DataFrame, str | None]":
    """Return the names of a feed's last good copy; read anew when the reader has changed.

    If that would not be believed of a new copy (the definition names a format that it is not in),
    what was read before stays; the second value says why.
    """
    import polars as pl

    from rpzctl import formats, shape

    store = snapshots(config)
    path = store.names_file(feed.name)
    blocks = ~pl.col("allow")
    before = pl.read_parquet(path) if path.is_file() else None
    if before is not None and record.read_as == read_as(feed):
        return before.filter(blocks), None
    options = formats.Options(**feed.reading)
    parsed = formats.read(store.data(feed.name), feed.format, options)
    fault = shape.fault_of_names(feed, parsed)
    fault = fault or shape.fault_of_swing(feed, record.size, shape.size(parsed))
    if before is not None and fault is not None:
        return before.filter(blocks), f"{fault}; keeps the names that were read before"
    return parsed.names, None


def packed(entries: "pl.DataFrame") -> bytes:
    """Return entries as Parquet, to be kept beside the copy they were read from."""
    out = io.BytesIO()
    entries.write_parquet(out, compression="lz4")
    return out.getvalue()


@contextmanager
def prebuilt(
    run: Run, base: Manifest | None, candidates: Sequence[Candidate]
) -> Iterator[tuple[list[Candidate], dict[str, tuple[ZoneEntry, Path]]]]:
    """Write and check the zones that are new, beside the generations, without the lock.

    Gives the candidates, what becomes of each worked out, and the new zones' files.

    A million records take seconds to check; `block` must not wait for that. Serials of feed zones
    move only under the lock of `sync`, which the caller holds, so they can be given here.
    """
    with run.store.beside() as folder:
        run.stage("writing and checking feed zones")
        entries = {
            candidate.origin: build.build_zone(
                candidate,
                folder,
                build.next_serial(run.config, run.store, base, candidate.origin, run.now),
            )
            for candidate in candidates
            if candidate.rows is not None
            and (base is None or _digest(base, candidate.origin) != candidate.digest)
        }
        running = build.start_checkzone(entries.values(), folder)
        fresh = [candidate for candidate in candidates if candidate.origin in entries]
        with ThreadPoolExecutor(1) as beside:  # columns are worked on without Python's lock
            read_back = [
                beside.submit(build.check_written, candidate, entries[candidate.origin], folder)
                for candidate in fresh
            ]
            saved = pipeline.saved_rows(run.store, base)
            ready = [c._replace(change=zone_change(c, base, saved)) for c in candidates]
            findings = [
                finding
                for candidate in ready
                if candidate.origin in entries and candidate.change
                for finding in build.check_sample(
                    candidate, entries[candidate.origin], candidate.change.diff
                )
            ]
            findings += [finding for done in read_back for finding in done.result()]
        build.refuse(findings + build.finish_checkzone(running))
        to_disk(folder)  # now, so that it costs nothing under the lock
        yield ready, {origin: (entry, folder) for origin, entry in entries.items()}


def _digest(base: Manifest, origin: str) -> str | None:
    entry = base.zones.get(origin)
    return entry.digest if entry else None
