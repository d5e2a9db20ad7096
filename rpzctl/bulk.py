"""Feeds to policy zones: the last good copies of each group's feeds, merged into its table.

What has not changed costs a comparison of digests: no bulk library is imported for it.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import (
    build,
    catalogue,
    copies,
    exceptions,
    feed_groups,
    guards,
    ledger,
    pipeline,
    render,
)
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.feed_groups import Group
from rpzctl.files import file_digest, to_disk
from rpzctl.guards import LeftOut
from rpzctl.ledger import Page
from rpzctl.plan import Candidate, zone_change
from rpzctl.rpz import PASSTHRU, Action
from rpzctl.run import Run
from rpzctl.snapshots import digest, read_as
from rpzctl.store import Manifest, ZoneEntry, digest_of

if TYPE_CHECKING:
    from rpzctl.merge import Made
    from rpzctl.table import TableRows


class Report(NamedTuple):
    """What happened to the names of one zone on their way in."""

    origin: str
    names: int
    left: LeftOut
    held: tuple[str, ...] = ()
    """feeds whose copy makes no sense in the format that the definition now says, and why"""


class Zones(NamedTuple):
    """The feed zones as they should be."""

    candidates: tuple[Candidate, ...]
    reports: tuple[Report, ...]
    """of those that were made anew"""
    pages: tuple[Page, ...]
    """what is to be written down of those"""
    warnings: tuple[str, ...]


def zones(run: Run, base: Manifest | None) -> Zones:
    """Return the feed zones; one whose feeds, settings and templates are as before is kept."""
    config = run.config
    env = render.environment(config)
    known = feed_groups.of(config, catalogue.load(config), run.now)
    excepted = _exceptions(config, known)
    candidates, reports, pages = [], [], []
    warnings = [warning for group in known for warning in group.warnings]
    for group in known:
        origin = config.origin(group.name)
        old = base.zones.get(origin) if base else None
        lost = _lost(config, group, origin) if old else []
        if old and lost:
            candidates.append(Candidate(origin, kept=old))
            warnings.append(
                f"{origin} stays as it is published: the good copy of {', '.join(lost)} is gone; "
                f"to go on: rpzctl sync --now {' '.join(lost)}"
            )
            continue
        if not group.copies:
            continue
        actions = [config.group_action(group.name), PASSTHRU]
        drawn = render.zone(env, "bind/rpz.zone.j2", config, origin, actions)
        inputs = _inputs(config, group, drawn, excepted)
        if old and old.inputs == inputs and ledger.is_of(ledgers(config), origin, inputs):
            candidates.append(Candidate(origin, kept=old))
            continue
        run.stage(f"merging the feeds of {origin}")
        made, held = _merged(config, group, origin, excepted)
        unsaid = [f"{origin} blocks {n}, which is excepted but too long" for n in made.left.unsaid]
        held = (*held, *unsaid)
        rows = _rows(made, actions[0])
        candidates.append(Candidate(origin, drawn=drawn, rows=rows, inputs=inputs))
        reports.append(Report(origin, len(rows), made.left, held))
        feeds = tuple(feed.name for feed, _ in group.feeds)
        pages.append(Page(origin, inputs, feeds, made))
    return Zones(tuple(candidates), tuple(reports), tuple(pages), tuple(warnings))


def _lost(config: Config, group: Group, origin: str) -> list[str]:
    """Return the feeds that the published zone `origin` is made of and whose copies are gone.

    A copy does not go by itself: the state folder was damaged, and names that a publisher did not
    take back must not leave the policy because of it.
    """
    before = ledger.feeds_of(ledgers(config), origin)
    if before:
        return [name for name in group.lost if name in before]
    return [] if group.copies else list(group.lost)


def ledgers(config: Config) -> Path:
    """Return the folder of the ledgers of feed zones."""
    return config.state / "ledger"


def keep_ledgers(run: Run, made: Zones) -> list[str]:
    """Write down who lists what, for the zones that were made anew and are published.

    Returns what went wrong: the policy is live by now, and only `why` knows less.
    """
    try:
        for page in made.pages:
            run.stage(f"writing down who lists the names of {page.origin}")
            ledger.write(ledgers(run.config), page, run.now)
        ledger.prune(ledgers(run.config), {candidate.origin for candidate in made.candidates})
    except RpzctlError as fault:
        return [f"'rpzctl why' cannot tell who lists what: {fault.message}"]
    return []


def _inputs(
    config: Config, group: Group, drawn: render.Drawn, excepted: Mapping[str, bytes]
) -> str:
    """Return a digest of all that a group's zone is made from."""
    settings = config.group.get(group.name)
    return digest_of(
        [(f.name, r.sha256, read_as(f), f.subdomains, f.kind, r.expires) for f, r in group.feeds],
        drawn.frame,
        [(str(action), shape) for action, shape in drawn.shapes.items()],
        judges_digest(config),
        [(name, digest(text)) for name, text in excepted.items()],
        settings.min_feeds if settings else 1,
    )


def judges_digest(config: Config) -> str:
    """Return a digest of what feeds are held against. Raises `UsageFault`."""
    tops = pipeline.top_sites_file(config)
    try:
        top_sites = file_digest(tops) if tops else ""
    except OSError as fault:
        raise UsageFault(f"guards.top_sites: cannot read {tops}: {fault.strerror}") from None
    return digest_of(
        sorted(pipeline.protected(config).names),
        digest(pipeline.suffix_list(config).text),
        top_sites,
    )


def _exceptions(config: Config, known: Sequence[Group]) -> dict[str, bytes]:
    """Return the exceptions of all feeds that have any and are listened to, by feed."""
    store = feed_groups.snapshots(config)
    excepted: dict[str, bytes] = {}
    for feed, record in (pair for group in known for pair in group.feeds):
        if not feed.exceptions:
            continue
        text = store.exceptions(feed.name) if record.read_as == read_as(feed) else None
        if text is None:
            text = copies.read_again(config, feed, record).exceptions
        if text:
            excepted[feed.name] = text
    return excepted


def _merged(
    config: Config, group: Group, origin: str, excepted: Mapping[str, bytes]
) -> tuple["Made", tuple[str, ...]]:
    """Merge the names of a group's feeds, guard, except and collapse them."""
    from rpzctl import merge
    from rpzctl.column_guards import Judges

    read = [(feed, *copies.names_of(config, feed, record)) for feed, record in group.feeds]
    sources = [
        merge.Source(feed.name, names, feed.subdomains, threat=feed.kind == "threat")
        for feed, names, _ in read
    ]
    suffixes = pipeline.suffix_list(config)
    listed = [allow for text in excepted.values() for allow in exceptions.of_text(text)]
    allows = exceptions.united(listed, suffixes.among(allow.name for allow in listed))
    judges = Judges(suffixes, pipeline.protected(config), _top_sites(config))
    settings = config.group.get(group.name)
    made = merge.combine(sources, origin, judges, allows, settings.min_feeds if settings else 1)
    return made, tuple(f"{feed.name}: {fault}" for feed, _, fault in read if fault)


def _top_sites(config: Config) -> frozenset[str]:
    path = pipeline.top_sites_file(config)
    try:
        return guards.read_top_sites(path) if path else frozenset()
    except (OSError, ValueError) as fault:
        raise UsageFault(f"guards.top_sites: {fault}") from None


def _rows(made: "Made", action: Action) -> "TableRows":
    from rpzctl.table import TableRows

    return TableRows(made.frame, action)


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
        run.stage("writing feed zones")
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
        run.stage("checking feed zones")
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
