"""Fetch feeds, judge what came, keep the good, and make the policy from it.

A feed that fails, in whatever way, keeps its last good copy; the others go on.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import (
    bulk,
    catalogue,
    exceptions,
    fetch,
    judging,
    network_guards,
    pipeline,
    snapshots,
    times,
)
from rpzctl.catalogue import Feed
from rpzctl.errors import UsageFault
from rpzctl.judging import Judged
from rpzctl.pipeline import Outcome
from rpzctl.plan import Plan
from rpzctl.run import Run
from rpzctl.snapshots import Record, read_as
from rpzctl.store import SYNC_LOCK

if TYPE_CHECKING:
    from rpzctl.formats import Parsed

PARALLEL = 4
Tell = Callable[[str], None]


class Synced(NamedTuple):
    """What a sync did with one feed."""

    feed: str
    status: str
    """new, same or kept (its last good copy; `fault` says why)"""
    record: Record
    fault: str | None = None

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
            "fault": self.fault,
        }


class SyncOutcome(NamedTuple):
    """What a sync did."""

    feeds: tuple[Synced, ...]
    reports: tuple[bulk.Report, ...]
    outcome: Outcome

    @property
    def all_failed(self) -> bool:
        """Whether no feed that was asked gave anything good."""
        return bool(self.feeds) and all(feed.fault for feed in self.feeds)

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "feeds": [feed.value() for feed in self.feeds],
            "guarded": [
                {
                    "zone": report.origin,
                    "names": report.names,
                    "stopped": report.stopped,
                    "stops": [stop._asdict() for stop in report.stops],
                    "told": [stop._asdict() for stop in report.told],
                    "too_long": report.too_long,
                    "covered": report.covered,
                    "excepted": report.excepted,
                    "few": report.few,
                }
                for report in self.reports
            ],
            "applied": self.outcome.value(),
        }


def sync(run: Run, names: Sequence[str], accept: Sequence[str], tell: Tell) -> SyncOutcome:
    """Fetch the feeds `names` (all enabled ones if empty), and apply.

    The swing of a feed in `accept` is believed. `tell` is called with a line for each feed.
    Raises `UsageFault` for a feed that is not defined or not enabled, and what `apply` raises.
    """
    feeds = chosen(run, [*names, *accept])
    with run.store.lock(run.wait, SYNC_LOCK):
        run.stage(f"fetching {len(feeds)} feeds")
        with ThreadPoolExecutor(PARALLEL) as pool:
            store = bulk.snapshots(run.config)
            pairs = [(feed, store.record(feed.name)) for feed in feeds]
            coming = [
                (feed, record, pool.submit(fetch.fetch, feed, snapshots.known(feed, record)))
                for feed, record in pairs
            ]
            done = []
            for feed, record, fetched in coming:
                result = _judge(run, feed, record, fetched.result(), accept=feed.name in accept)
                tell(_line(result))
                done.append(result)
        reports, outcome = _apply(run)
    return SyncOutcome(tuple(done), reports, outcome)


def apply(run: Run) -> Outcome:
    """Make what the rules and the feeds' last good copies say the live policy."""
    with run.store.lock(run.wait, SYNC_LOCK):
        return _apply(run, thorough=True)[1]


def plan(run: Run) -> Plan:
    """Return what `apply` would change."""
    return pipeline.plan_only(run, lambda base: list(bulk.zones(run, base).candidates))


def _apply(run: Run, *, thorough: bool = False) -> tuple[tuple[bulk.Report, ...], Outcome]:
    base = run.store.sound(run.store.current(), thorough=thorough)
    made = bulk.zones(run, base)
    with bulk.prebuilt(run, base, made.candidates) as (candidates, prebuilt):
        outcome = pipeline.apply(run, feeds=lambda _: candidates, prebuilt=prebuilt)
    unwritten = bulk.keep_ledgers(run, made)
    held = tuple(note for report in made.reports for note in report.held)
    return made.reports, outcome._replace(
        warnings=(*outcome.warnings, *held, *made.warnings, *unwritten)
    )


def chosen(run: Run, names: Sequence[str]) -> list[Feed]:
    """Return the feeds to fetch. Raises `UsageFault`."""
    known = catalogue.load(run.config)
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


def _judge(run: Run, feed: Feed, record: Record, fetched: fetch.Fetched, *, accept: bool) -> Synced:
    """Take in what came if it is a feed and has not swung; keep the last good copy otherwise."""
    store = bulk.snapshots(run.config)
    now = times.show(run.now)
    digest = record.sha256 if fetched.data is None else snapshots.digest(fetched.data)
    if digest == record.sha256 and (fetched.data is None or record.read_as == read_as(feed)):
        if fetched.data is not None:
            record = record._replace(url=feed.url)
        record = snapshots.checked(record, fetched._replace(data=None), now)
        if record.expires is not None and record.expires <= now:
            return _expire(run, feed, record, accept=accept)
        store.keep(feed.name, record)
        return Synced(feed.name, "kept" if fetched.fault else "same", record, fetched.fault)
    assert fetched.data is not None, "else the digest is that of the record"  # noqa: S101 - as said
    judged = _judged(run, feed, record, fetched.data, accept=accept)
    if judged.fault is not None or judged.parsed is None:
        record = snapshots.checked(record, fetch.Fetched(fault=judged.fault), now)
        store.keep(feed.name, record)
        return Synced(feed.name, "kept", record, judged.fault)
    record = _counted(Record(), judged)._replace(
        sha256=digest,
        read_as=read_as(feed),
        url=feed.url,
        last_ok=now,
        last_changed=now,
        last_checked=now,
        validators=fetched.validators,
    )
    _accept(run, feed, fetched.data, judged.parsed, record)
    return Synced(feed.name, "new", record)


def _accept(run: Run, feed: Feed, data: bytes, parsed: "Parsed", record: Record) -> None:
    excepted = exceptions.text(parsed.allow.select("name", "scope").iter_rows())
    bulk.snapshots(run.config).accept(feed.name, data, bulk.packed(parsed.names), excepted, record)


def _judged(run: Run, feed: Feed, record: Record, data: bytes, *, accept: bool) -> Judged:
    known = network_guards.known(shipped=run.config.guards.shipped)
    return judging.judge(feed, record, data, int(run.now.timestamp()), known, accept=accept)


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


def _expire(run: Run, feed: Feed, record: Record, *, accept: bool) -> Synced:
    """Read the last good copy again, for some of its entries have expired."""
    store = bulk.snapshots(run.config)
    data = store.data(feed.name)
    judged = _judged(run, feed, record, data, accept=accept)
    if judged.fault is not None or judged.parsed is None:
        record = record._replace(fault=f"as entries expire it {judged.fault}")
        store.keep(feed.name, record)
        return Synced(feed.name, "kept", record, record.fault)
    record = _counted(record, judged)
    _accept(run, feed, data, judged.parsed, record)
    return Synced(feed.name, "kept" if record.fault else "same", record, record.fault)


def _line(result: Synced) -> str:
    if result.fault:
        held = (
            f"keeps its {result.record.size.text()} of {result.record.last_changed}"
            if result.record.sha256
            else "has no good copy yet"
        )
        return f"{result.feed}: {result.fault}; {held}"
    changed = "new copy" if result.status == "new" else "unchanged"
    return f"{result.feed}: {changed}, {judging.told(*result.record.counts)}"
