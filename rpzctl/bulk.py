"""Feeds to policy zones: the last good copies of each group's feeds, merged into its table.

What has not changed costs a comparison of digests: no bulk library is imported for it.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rpzctl import (
    __version__,
    answers,
    build,
    changes,
    copies,
    feed_groups,
    fronts,
    given,
    ledger,
    ledger_writing,
    planning,
    render,
)
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.feed_groups import Group
from rpzctl.files import to_disk
from rpzctl.ledger import Head, Page
from rpzctl.ledger_writing import Drawn
from rpzctl.manifest import Manifest, ZoneEntry, digest_of
from rpzctl.plan import Candidate, zone_change
from rpzctl.rpz import PASSTHRU
from rpzctl.run import Run
from rpzctl.snapshots import digest, read_as
from rpzctl.wanted import Became, FreshPage, Report, Wanted, Work, front_of, ledgers


class Zones(NamedTuple):
    """The feed zones as they should be."""

    candidates: tuple[Candidate, ...]
    reports: tuple[Report, ...]
    """of those that were made anew"""
    pages: tuple[Page | FreshPage, ...]
    """what is to be written down of those"""
    warnings: tuple[str, ...]


def zones(run: Run, base: Manifest | None, feeds: Mapping[str, Feed]) -> Zones:
    """Return the zones of `feeds`; those made of what is as it was before are kept.

    The last group comes first: what a zone in front of others says may depend on those.
    """
    config = run.config
    known = feed_groups.of(config, feeds, run.now)
    excepted = _exceptions(config, known)
    work = Work(run, base, render.environment(config), excepted, fronts.decide(run, known))
    made: list[Became] = []
    behind: tuple[Candidate, ...] = ()
    for group in reversed(known):
        speaking = tuple(candidate for candidate in behind if not candidate.monitored)
        made.insert(0, _zones_of(work, group, speaking))
        behind = (*made[0].candidates, *behind)
    apart = {group.name: each.answers for group, each in zip(known, made, strict=True)}
    told = (warning for group in known for warning in group.warnings)
    return Zones(
        candidates=(*behind, *answers.zones(work, known, apart)),
        reports=tuple(report for each in made for report in each.reports),
        pages=tuple(each.page for each in made if each.page),
        warnings=(*told, *(warning for each in made for warning in each.warnings)),
    )


def _zones_of(work: Work, group: Group, behind: tuple[Candidate, ...]) -> Became:
    config, base = work.run.config, work.base
    if config.is_given(group.name):
        return given.zones(work, group)
    origin = config.origin(group.name)
    there = [z for z in (front_of(origin), origin) if base and z in base.zones]
    kept = tuple(Candidate(each, kept=base.zones[each]) for each in there) if base else ()
    lost = _lost(config, group, origin) if kept else []
    if lost:
        why = (
            f"{origin} stays as it is published: the good copy of {', '.join(lost)} is gone; "
            f"to go on: rpzctl sync --now {' '.join(lost)}"
        )
        return Became(kept, warnings=(why,))
    if not group.copies:
        return Became(())
    action = config.group_action(group.name)
    drawn = render.zone(work.env, "bind/rpz.zone.j2", config, origin, [action, PASSTHRU])
    settings = _settings(config, group, drawn, work)
    copies_now = {feed.name: f"{record.sha256}/{record.expires}" for feed, record in group.feeds}
    wanted = Wanted(group, origin, action, drawn, settings, copies_now, behind)
    head = ledger.head(work.ledgers, origin)
    if not head.tells_of({each.origin: each.digest for each in kept}):
        head = Head()
    settled = base.zones.get(origin) if base else None
    front = settled is not None and work.fronts.is_wanted(origin, settled.rows)
    as_before = front == (front_of(origin) in work.fronts.there)
    if as_before and head.inputs == wanted.inputs and head.behind in {"", wanted.behind_digest}:
        return Became(kept)
    from rpzctl import making  # columns are not for a sync that finds nothing to do

    if not as_before:
        return making.whole(work, wanted)
    return making.freshened(work, wanted, kept, head) or making.whole(work, wanted)


def _lost(config: Config, group: Group, origin: str) -> list[str]:
    """Return the feeds that the published zone `origin` is made of and whose copies are gone.

    A copy does not go by itself: the state folder was damaged, and names that a publisher did not
    take back must not leave the policy because of it.
    """
    before = ledger.feeds_of(ledgers(config), origin)
    if before:
        return [name for name in group.lost if name in before]
    return [] if group.copies else list(group.lost)


@contextmanager
def drawing_ledgers(run: Run, made: Zones) -> Iterator[Callable[[], Mapping[str, Drawn]]]:
    """Draw who lists what, of the zones that were made as a whole, while those are written.

    Gives what waits for it and returns it by origin, or raises `RpzctlError`. What was not kept by
    `keep_ledgers` goes.
    """
    pages = [page for page in made.pages if isinstance(page, Page)]
    drawn: dict[str, Drawn] = {}

    def draw() -> Mapping[str, Drawn]:
        for page in pages:
            drawn[page.origin] = ledger_writing.draw(ledgers(run.config), page, run.now)
        return drawn

    try:
        with ThreadPoolExecutor(1) as beside:
            yield beside.submit(draw).result
    finally:
        for each in drawn.values():
            each.forget()


def keep_ledgers(run: Run, made: Zones, drawn: Callable[[], Mapping[str, Drawn]]) -> list[str]:
    """Write down who lists what, for the zones that were made anew and are published.

    Returns what went wrong: the policy is live by now, and only `why` knows less.
    """
    config, folder = run.config, ledgers(run.config)
    told = {config.origin(name) for name in config.group if config.is_given(name)}
    origins = {candidate.origin for candidate in made.candidates} - told
    try:
        ready = drawn()
        for page in made.pages:
            run.stage(f"writing down who lists the names of {page.origin}")
            if isinstance(page, FreshPage):
                for each in page.changes:
                    changes.keep(folder, page.origin, each)
                ledger_writing.write_fresh(folder, page.origin, page.head, page.lines, run.now)
                continue
            if page.head.settings:
                store = feed_groups.snapshots(run.config)
                files = [(feed, store.names_file(feed)) for feed in page.head.feeds]
                changes.settle(folder, page.origin, files)
            ledger_writing.write(folder, page, ready[page.origin])
        ledger.prune(folder, origins)
        changes.forget(folder, origins)
    except RpzctlError as fault:
        return [f"'rpzctl why' cannot tell who lists what: {fault.message}"]
    return []


def _settings(config: Config, group: Group, drawn: render.Drawn, work: Work) -> str:
    """Return a digest of all that a group's zones are made from, but for the copies."""
    settings = config.group.get(group.name)
    return digest_of(
        __version__,
        [(feed.name, read_as(feed), feed.subdomains, feed.kind) for feed, _ in group.feeds],
        drawn.frame,
        [(str(action), shape) for action, shape in drawn.shapes.items()],
        planning.judges_digest(config),
        [(name, digest(text)) for name, text in work.excepted.items()],
        settings.min_feeds if settings else 1,
        work.fronts.least,
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


def _written(run: Run, base: Manifest | None, candidate: Candidate, folder: Path) -> ZoneEntry:
    run.stage(f"writing {candidate.origin}", len(candidate.rows or ()))
    serial = build.next_serial(run.config, run.store, base, candidate.origin, run.now)
    return build.build_zone(candidate, folder, serial)


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
        anew = [c for c in candidates if c.rows is not None and _is_new(c, base)]
        rows = sum(len(candidate.rows or ()) for candidate in anew)
        entries = {candidate.origin: _written(run, base, candidate, folder) for candidate in anew}
        run.stage("checking feed zones", rows)
        running = build.start_checkzone(entries.values(), folder)
        fresh = [candidate for candidate in candidates if candidate.origin in entries]
        with ThreadPoolExecutor(1) as beside:  # columns are worked on without Python's lock
            read_back = [
                beside.submit(build.check_written, candidate, entries[candidate.origin], folder)
                for candidate in fresh
            ]
            saved = planning.saved_rows(run.store, base)
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


def _is_new(candidate: Candidate, base: Manifest | None) -> bool:
    old = base.zones.get(candidate.origin) if base else None
    return old is None or old.digest != candidate.digest
