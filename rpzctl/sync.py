"""Fetch feeds, judge what came, keep the good, and make the policy from it.

A feed that fails, in whatever way, keeps its last good copy; the others go on.
"""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from rpzctl import (
    bulk,
    catalogue,
    copies,
    exceptions,
    feed_groups,
    first_load,
    interval,
    judging,
    network_guards,
    next_due,
    pipeline,
    planning,
    snapshots,
    times,
)
from rpzctl.book import read_book
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.fetch import together
from rpzctl.fetch.fetched import Fetched, Limits, Validators
from rpzctl.judging import Judged
from rpzctl.pipeline import Outcome
from rpzctl.plan import Plan
from rpzctl.progress import Step
from rpzctl.run import Run
from rpzctl.snapshots import Record, read_as
from rpzctl.store import SYNC_LOCK
from rpzctl.wanted import Report

if TYPE_CHECKING:
    from rpzctl.formats import Parsed


class Tell(Protocol):
    """Who is told of each feed that brought something new, or failed."""

    def __call__(self, line: str, *, fault: bool) -> None:
        """Take a line, and whether something went wrong."""


_Ask = tuple[Feed, Record, Validators]
_READERS = 2
"""copies that are read at a time: each takes several times its size, while columns are made"""


class Synced(NamedTuple):
    """What a sync did with one feed."""

    feed: str
    status: str
    """new, same, kept (its last good copy; `fault` says why) or waiting (not due)"""
    record: Record
    fault: str | None = None
    due: str | None = None
    """when it may be fetched again, if it is waiting"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "feed": self.feed,
            "status": self.status,
            "names": self.record.names,
            "rejected": self.record.rejected,
            "last_ok": self.record.last_ok,
            "exceptions": self.record.exceptions,
            "networks": self.record.networks,
            "networks_refused": self.record.refused,
            "due": self.due,
            "fault": self.fault,
        }


class SyncOutcome(NamedTuple):
    """What a sync did."""

    feeds: tuple[Synced, ...]
    reports: tuple[Report, ...]
    outcome: Outcome
    next: datetime | None = None
    """when one more sync would do something by itself"""

    @property
    def all_failed(self) -> bool:
        """Whether no feed that was asked gave anything good."""
        asked = [feed for feed in self.feeds if feed.status != "waiting"]
        return bool(asked) and all(feed.fault for feed in asked)

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "feeds": [feed.value() for feed in self.feeds],
            "guarded": [
                {
                    "zone": report.origin,
                    "names": report.names,
                    "stopped": report.left.stopped,
                    "stops": [stop._asdict() for stop in report.left.stops],
                    "told": [stop._asdict() for stop in report.left.told],
                    "too_long": report.left.too_long,
                    "covered": report.left.covered,
                    "excepted": report.left.excepted,
                    "few": report.left.few,
                }
                for report in self.reports
            ],
            "applied": self.outcome.value(),
            "held": self.outcome.value()["held"],
            "next": times.show(self.next) if self.next else None,
        }


def sync(
    run: Run, names: Sequence[str], accept: Sequence[str], tell: Tell, *, undue: bool = False
) -> SyncOutcome:
    """Fetch those of the feeds `names` (all enabled ones if empty) that are due, and apply.

    The swing of a feed in `accept` is believed, and it is fetched whole, due or not; `undue`
    fetches all of them now. `tell` is called with a line for each feed that brought something new,
    or failed. Raises `UsageFault` for a feed that is not defined or not enabled, and what `apply`
    raises.
    """
    defined = catalogue.load(run.config)
    feeds = chosen(defined, [*names, *accept])
    store = feed_groups.snapshots(run.config)
    with run.store.lock(run.wait, SYNC_LOCK):
        done: dict[str, Synced] = {}
        asks: list[_Ask] = []
        for feed in feeds:
            record = store.record(feed.name)
            due = interval.due(feed, record, run.now)
            if due is not None and not undue and feed.name not in accept:
                waiting = Synced(feed.name, "waiting", record, due=times.show(due))
                done[feed.name] = result = _expired(run, feed, waiting, accept=False)
                if result.fault:
                    tell(_line(result), fault=True)
                continue
            anew = feed.name in accept or not store.is_whole(feed.name)
            known = Validators() if anew else snapshots.known(feed, record)
            asks.append((feed, record, known))
        run.stage(f"fetching and reading {len(asks)} feeds")
        for result in _judged_in_turn(run, asks, accept):
            if result.status != "same":
                tell(_line(result), fault=result.fault is not None)
            run.progress.feed(result.feed, Step.FAILED if result.fault else Step.DONE)
            done[result.feed] = result
        reports, outcome = _apply(run, defined)
    coming = next_due.moment(run, defined, read_book(run.config.repo))
    return SyncOutcome(tuple(done[feed.name] for feed in feeds), reports, outcome, coming)


def limits(config: Config) -> Limits:
    """Return the bounds of fetches that the configuration says."""
    return Limits(**config.fetch.value())


def apply(run: Run) -> Outcome:
    """Make what the rules and the feeds' last good copies say the live policy.

    It ends the hold of an old one.
    """
    with run.store.lock(run.wait, SYNC_LOCK):
        base = run.store.current()
        if run.agreed:
            run.agreed.begins_from(base.generation if base else 0)
        run = run._replace(release=base.held if base else None)
        return _apply(run, catalogue.load(run.config), thorough=True)[1]


def plan(run: Run) -> Plan:
    """Return what `apply` would change."""
    feeds = catalogue.load(run.config)
    return planning.plan_only(run, lambda base: list(bulk.zones(run, base, feeds).candidates))


def _apply(
    run: Run, feeds: Mapping[str, Feed], *, thorough: bool = False
) -> tuple[tuple[Report, ...], Outcome]:
    base = run.store.sound(run.store.current(), thorough=thorough)
    if base and base.held != run.release:
        return (), pipeline.apply(run, feeds=lambda _: [])
    made = bulk.zones(run, base, feeds)
    if first_load.announce(run, base, made.candidates):
        base = run.store.current()
    with bulk.drawing_ledgers(run, made) as drawn:
        with bulk.prebuilt(run, base, made.candidates) as (candidates, prebuilt):
            outcome = pipeline.apply(run, feeds=lambda _: candidates, prebuilt=prebuilt)
        unwritten = bulk.keep_ledgers(run, made, drawn)
    held = tuple(note for report in made.reports for note in report.held)
    return made.reports, outcome._replace(
        warnings=(*outcome.warnings, *held, *made.warnings, *unwritten)
    )


def chosen(known: Mapping[str, Feed], names: Sequence[str]) -> list[Feed]:
    """Return those of the `known` feeds that are to be fetched. Raises `UsageFault`."""
    feed_groups.refuse_crowds(known)
    if not names:
        return [feed for feed in known.values() if feed.enabled]
    unknown = [name for name in names if name not in known]
    if unknown:
        raise UsageFault(
            f"there is no feed {', '.join(unknown)}", fix="'rpzctl feeds list' shows them"
        )
    disabled = [name for name in names if not known[name].enabled]
    if disabled:
        raise UsageFault(
            f"not enabled: {', '.join(disabled)}",
            fix="; ".join(f"rpzctl feeds enable {name}" for name in disabled),
        )
    return [known[name] for name in dict.fromkeys(names)]


def _judged_in_turn(run: Run, asks: Sequence[_Ask], accept: Sequence[str]) -> Iterator[Synced]:
    """Give what is done with each feed, in order; few are read at a time, whatever has come."""
    wanted = [(feed, known) for feed, _, known in asks]
    fetching = together.fetching(wanted, limits(run.config), run.progress)
    with fetching as coming, ThreadPoolExecutor(_READERS) as pool:
        reading: deque[Future[Synced]] = deque()
        for feed, record, _ in asks:
            if len(reading) == _READERS:
                yield reading.popleft().result()
            judge = partial(_judge, run, feed, record, accept=feed.name in accept)
            reading.append(pool.submit(judge, coming.popleft()))
        while reading:
            yield reading.popleft().result()


def _judge(
    run: Run, feed: Feed, record: Record, coming: Future[Fetched], *, accept: bool
) -> Synced:
    """Take in what came if it is a feed and has not swung; keep the last good copy otherwise."""
    now = times.show(run.now)
    fetched = coming.result()
    run.progress.feed(feed.name, Step.READING)
    if fetched.data is None:
        return _kept(run, feed, record, fetched, accept=accept)
    digest = snapshots.digest(fetched.data)
    store = feed_groups.snapshots(run.config)
    same = digest == record.sha256 and record.read_as == read_as(feed)
    if same and store.is_whole(feed.name, len(fetched.data)):
        record = record._replace(url=feed.url, source=snapshots.source(feed))
        return _kept(run, feed, record, fetched, accept=accept)
    record = record if accept or record.read_as else _sized(run, feed, record)
    judged = _judged(run, feed, record, fetched.data, accept=accept)
    if judged.fault is not None or judged.parsed is None:
        return _kept(run, feed, record, Fetched(fault=judged.fault, served=True), accept=accept)
    record = _counted(Record(), judged)._replace(
        sha256=digest,
        read_as=read_as(feed),
        url=feed.url,
        last_ok=now,
        last_changed=now,
        last_checked=now,
        validators=fetched.validators,
        source=snapshots.source(feed),
        asked=snapshots.asking(feed),
    )
    _accept(run, feed, fetched.data, judged.parsed, record)
    return Synced(feed.name, "new", record)


def _accept(run: Run, feed: Feed, data: bytes, parsed: "Parsed", record: Record) -> None:
    excepted = exceptions.text(parsed.allow.select("name", "scope").iter_rows())
    read = snapshots.Read(copies.packed(parsed.names), excepted, parsed.networks)
    feed_groups.snapshots(run.config).accept(feed.name, data, read, record)


def _judged(run: Run, feed: Feed, record: Record, data: bytes, *, accept: bool) -> Judged:
    known = network_guards.known(shipped=run.config.guards.shipped)
    return judging.judge(feed, record, data, int(run.now.timestamp()), known, accept=accept)


def _sized(run: Run, feed: Feed, record: Record) -> Record:
    """Return `record`, which was made anew from its copy, with what that holds."""
    try:
        data = feed_groups.snapshots(run.config).data(feed.name) if record.sha256 else b""
    except RpzctlError:
        return record
    judged = _judged(run, feed, Record(), data, accept=True)
    return record if judged.fault else _counted(record, judged)


def _counted(record: Record, judged: Judged) -> Record:
    """Return `record` with what is counted of a copy that is good."""
    assert judged.parsed is not None, "it is good"  # noqa: S101 - as said
    expires = judged.parsed.expires
    return record._replace(
        **judged.size._asdict(),
        rejected=judged.rejected,
        refused=judged.refused,
        expires=None if expires is None else times.show(datetime.fromtimestamp(expires, UTC)),
    )


def _kept(run: Run, feed: Feed, record: Record, fetched: Fetched, *, accept: bool) -> Synced:
    """Record a fetch that brought no new copy."""
    later = interval.not_before(fetched.wait, run.now)
    record = snapshots.checked(feed, record, fetched, times.show(run.now), later)
    # Were it lost, the publisher would be asked once more; the disk costs 10 ms for each feed.
    feed_groups.snapshots(run.config).keep(feed.name, record, sure=False)
    kept = Synced(feed.name, "kept" if fetched.fault else "same", record, fetched.fault)
    return _expired(run, feed, kept, accept=accept)


def _expired(run: Run, feed: Feed, kept: Synced, *, accept: bool) -> Synced:
    """Read the last good copy again if some of its entries have expired since."""
    record = kept.record
    if record.expires is None or record.expires > times.show(run.now):
        return kept
    store = feed_groups.snapshots(run.config)
    try:
        data = store.data(feed.name)
    except RpzctlError as fault:
        return kept._replace(status="kept", fault=fault.message)
    judged = _judged(run, feed, record, data, accept=accept)
    if judged.fault is not None or judged.parsed is None:
        record = record._replace(fault=f"as entries expire it {judged.fault}")
        store.keep(feed.name, record)
        return kept._replace(status="kept", record=record, fault=record.fault)
    record = _counted(record, judged)
    _accept(run, feed, data, judged.parsed, record)
    return kept._replace(record=record)


def _line(result: Synced) -> str:
    if result.fault:
        size = result.record.size.text() if result.record.read_as else "copy"
        held = (
            f"keeps its {size} of {result.record.last_changed}"
            if result.record.sha256
            else "has no good copy yet"
        )
        return f"{result.feed}: {result.fault}; {held}"
    return f"{result.feed}: new copy, {judging.told(*result.record.counts)}"
