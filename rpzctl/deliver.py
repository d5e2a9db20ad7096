"""From published to proved: load a generation, ask whether it is so, undo what is not."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from rpzctl import build, fragments, policy, times
from rpzctl.errors import NotLive, RpzctlError
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.names import is_within
from rpzctl.plan import Plan, ZoneChange
from rpzctl.resolvers import Change, Question
from rpzctl.resolvers.verify import Expectation, expected, prove, serves
from rpzctl.rows import read as read_rows
from rpzctl.rpz import PASSTHRU
from rpzctl.rpz import SINKHOLE as SINKHOLE_ACTION
from rpzctl.run import Run
from rpzctl.store import SINKHOLE, SYNC_LOCK, Store
from rpzctl.triggers import Trigger, is_other, network_of, trigger_of

SAMPLE = 12
"""rows of each zone and sort whose effect is proved by a question"""
FEW = 200
"""names that a resolver may be told one by one"""
_PATIENCE = 300.0
"""seconds to wait for the lock when what is published must be settled or put back"""


class Pending(NamedTuple):
    """A generation that the resolvers were told to load, and what is to be asked of them."""

    manifest: Manifest
    zones: Mapping[str, ZoneEntry]
    """the policy zones that are to be proved"""
    expect: Sequence[Expectation]
    good: Manifest | None
    """what to put back if it does not come true"""


def bring(
    run: Run,
    served: Manifest | None,
    manifest: Manifest,
    expect: Sequence[Expectation],
    good: Manifest | None,
    drifted: Sequence[str],
    names: tuple[str, ...] | None = None,
) -> None:
    """Have the resolvers load `manifest`, and prove it, under the lock; or put `good` back.

    `served` is what they are known to serve, `drifted` the zones of it that they do not, `names`
    as in `Change`.
    """
    try:
        zones = _load(run, served, manifest, drifted, names=names)
        _prove(run, manifest, zones, expect, behind=_rows_in_flight(run, manifest))
    except BaseException as cause:
        raise _undone(run, good, manifest, cause) from cause
    _settle(run, manifest, good)


def start(
    run: Run,
    served: Manifest | None,
    manifest: Manifest,
    expect: Sequence[Expectation],
    good: Manifest | None,
    drifted: Sequence[str],
) -> Pending:
    """Have the resolvers load `manifest`, under the lock; put `good` back if that fails."""
    try:
        zones = _load(run, served, manifest, drifted, everything=True)
    except BaseException as cause:
        raise _undone(run, good, manifest, cause, everything=True) from cause
    return Pending(manifest, zones, expect, good)


def finish(run: Run, pending: Pending) -> None:
    """Prove what `start` had loaded, without the lock; put feed zones back if it is not true.

    Meanwhile operators' rules may have been published on top: those stay.
    """
    try:
        _prove(run, pending.manifest, pending.zones, pending.expect)
    except BaseException as cause:
        with run.store.lock(max(run.wait, _PATIENCE)):
            current = run.store.current() or pending.manifest
            if current.held != pending.manifest.held:
                raise NotLive(
                    f"{cause}; but somebody went back meanwhile, and that stays",
                    fix="rpzctl status",
                ) from cause
            later = current.generation != pending.manifest.generation
            raise _undone(
                run, pending.good, current, cause, everything=True, keep_rules=later
            ) from cause
    with run.store.lock(max(run.wait, _PATIENCE)):
        now = run.store.current()
        entries = [z for z in (now.zones.values() if now else ()) if z.kind == "policy"]
        if now and all(all(serves(r, entries).values()) for r in run.resolvers):
            _record(run, now)


def _settle(run: Run, manifest: Manifest, before: Manifest | None) -> None:
    """Record that the resolvers serve `manifest`.

    Not while a sync is still proving what is below it: then the sync will.
    """
    proven = run.store.proven()
    in_flight = before and proven and before.generation != proven.generation
    if not (in_flight and run.store.is_held(SYNC_LOCK)):
        _record(run, manifest)


def _record(run: Run, manifest: Manifest) -> None:
    """Record that `manifest` was proved; where it cannot be written, the next run proves again."""
    with suppress(RpzctlError):
        run.store.set_proven(manifest, times.show(datetime.now(UTC)))


def _load(
    run: Run,
    served: Manifest | None,
    manifest: Manifest,
    drifted: Sequence[str] = (),
    *,
    everything: bool = False,
    names: tuple[str, ...] | None = None,
) -> dict[str, ZoneEntry]:
    """Tell the resolvers to load; return the policy zones that are to be proved.

    Those whose serial is new to them. After a `reconfig` also the others: if response-policy
    changed, named drops all of them and loads them anew. The quick lane then proves the operator's
    zone alone and does not wait for feed zones.
    """
    change = change_between(run.store, served, manifest, drifted)._replace(names=names)
    for resolver in run.resolvers:
        resolver.load(change)
    old = {origin: zone.serial for origin, zone in served.zones.items()} if served else {}
    anew = manifest.policy_zones if everything else (run.config.policy.operator_zone,)
    return {
        origin: manifest.zones[origin]
        for origin in manifest.policy_zones
        if origin in change.reload
        or old.get(origin) != manifest.zones[origin].serial
        or ((change.unknown or change.fragments) and origin in anew)
    }


def _prove(
    run: Run,
    manifest: Manifest,
    zones: Mapping[str, ZoneEntry],
    expect: Sequence[Expectation],
    *,
    behind: int = 0,
) -> None:
    order = manifest.policy_zones
    for resolver in run.resolvers:
        feeds = ", after the feed zones of a sync" if behind else ""
        own = ", ".join(resolver.policy(list(zones)))
        run.stage(f"waiting until {resolver.title} serves {own or 'it'}{feeds}")
        try:
            prove(resolver, zones, expect, run.config.sinkhole, order=order, behind=behind)
        except NotLive as fault:
            with suppress(RpzctlError):  # damaged since: the fault is the news
                fault.fix = _of_ourselves(run, manifest) or fault.fix
            raise


def _of_ourselves(run: Run, manifest: Manifest) -> str | None:
    """Return which rule on clients takes in an address that rpzctl asks from; None: none does."""
    entry = manifest.zones.get(run.config.policy.operator_zone)
    if entry is None or not entry.rows_file:
        return None
    ours = [address for each in run.config.resolver if (address := each.asked_from)]
    for row in read_rows(run.store.folder(manifest) / entry.rows_file):
        if trigger_of(row.name) is Trigger.CLIENT_IP:
            net = network_of(row.name)
            taken = next((address for address in ours if address in net), None)
            if taken is not None:
                told = f"'{row.text()}' takes in {taken}, from which rpzctl asks"
                return f"{told}: give a narrower prefix, or set source in rpzctl.toml"
    return None


def _rows_in_flight(run: Run, manifest: Manifest) -> int:
    """Return how many rows of feed zones a sync may be having loaded at this moment.

    named reads one zone file at a time, in the order of `rndc reload`: the operator's zone has its
    turn when those of the feeds are read.
    """
    if not run.store.is_held(SYNC_LOCK):
        return 0
    feeds = set(manifest.policy_zones) - {run.config.policy.operator_zone}
    return sum(manifest.zones[origin].rows for origin in feeds)


def change_between(
    store: Store, served: Manifest | None, manifest: Manifest, drifted: Iterable[str] = ()
) -> Change:
    """Return what a resolver that serves `served` has to take in to serve `manifest`.

    Of a resolver whose state is not known (`served` is None, or a zone drifted) everything is
    asked: named passes over what it has.
    """
    drifted = [origin for origin in drifted if origin in manifest.zones]
    if served is None:
        return Change(
            True,
            tuple(manifest.policy_zones),
            manifest.sinkholes,
            fragments.changed(None, store.folder(manifest)),
            tuple(manifest.policy_zones),
        )
    old = {origin: zone.serial for origin, zone in served.zones.items()}
    moved = [
        origin
        for origin in manifest.policy_zones
        if origin in drifted or (origin in old and old[origin] != manifest.zones[origin].serial)
    ]
    shared = old.get(SINKHOLE) != manifest.zones[SINKHOLE].serial
    stay = [name for name in manifest.sinkholes if name in served.sinkholes]
    return Change(
        bool(drifted),
        tuple(moved),
        tuple(stay) if shared else (),
        fragments.changed(store.folder(served), store.folder(manifest)),
        tuple(manifest.policy_zones),
    )


def _undone(
    run: Run,
    good: Manifest | None,
    failed: Manifest,
    cause: BaseException,
    *,
    everything: bool = False,
    keep_rules: bool = False,
) -> BaseException:
    """Publish the content of `good` again, load and prove it; return what to raise.

    With `everything`, all policy zones are proved, not only the operator's and those that moved.
    With `keep_rules`, operators' rules were published after what failed: the feed zones alone are
    put back, and the operator's zone and sinkholes stay those of `failed`.
    """
    if not isinstance(cause, RpzctlError):
        fault = RpzctlError(str(cause) or type(cause).__name__)
    else:
        fault = cause
    if good is None or good.generation == failed.generation:
        return NotLive(fault.message, details=fault.details, fix=fault.fix)
    details = list(fault.details)
    store = run.store
    state = "the previous policy could not be published again"
    try:
        wanted = (
            build.mixed(run.config, store, good, failed)
            if keep_rules
            else build.content(run.config, store, good)
        )
        with store.aside() as folder:
            made = build.rebuild(run.config, store, wanted, failed, folder, run.now)
            restored = made._replace(
                cause=run.cause._replace(what=f"put back {good.generation}", why=fault.message),
                of=0 if keep_rules else good.of or good.generation,
                held=good.held,
                feeds=good.feeds,
            )
            store.publish(folder, restored)
        state = f"the previous policy is published again, as generation {restored.generation}"
        zones = _load(run, failed, restored)
        shown = restored.policy_zones if everything else (run.config.policy.operator_zone,)
        also = {origin: restored.zones[origin] for origin in shown if origin in restored.zones}
        _prove(run, restored, {**zones, **also}, [], behind=_rows_in_flight(run, restored))
        _settle(run, restored, good)
        state += ", and proved live"
    except RpzctlError as second:
        details += [f"putting the previous policy back: {second.message}", *second.details]
        state += ", but not proved live"
    if isinstance(cause, Exception):
        return NotLive(f"{fault.message}; {state}", details=details, fix=fault.fix)
    return cause  # an interrupt: undone, then passed on


def changed_names(plan: Plan, served: Manifest | None) -> tuple[str, ...] | None:
    """Return the names whose policy changes for resolvers that serve `served`.

    None when they are many, or not known.
    """
    if served is None or served.generation != plan.base:
        return None
    found = [*plan.sinkholes_added, *plan.sinkholes_removed]
    for zone in plan.zones:
        parts = (zone.diff.added, zone.diff.removed, zone.diff.changed)
        if zone.status == "removed" or zone.frame_changed or sum(map(len, parts)) > FEW:
            return None
        found += [row.name for part in parts for row in part]
    # What a rule on addresses or name servers changes has names that nobody knows.
    many = plan.sinkhole_changed or len(found) > FEW or any(map(is_other, found))
    return None if many else tuple(dict.fromkeys(found))


def _passes_unseen(made: policy.OperatorPolicy) -> bool:
    """Tell whether the operator lets pass by address or name server: no name tells what passes.

    That feed zones have effect the canaries show then.
    """
    return any(is_other(row.name) and row.action == PASSTHRU for row in made.rows)


def expectations(
    plan: Plan, made: policy.OperatorPolicy, target: build.Target
) -> list[Expectation]:
    """Return a sample of questions whose answers show that the plan came true.

    Where rows changed, of those; where a template or a setting changed, of all that it draws.
    """
    operator = plan.zones[0]
    redrawn = plan.sinkhole_changed or any(map(fragments.names_sinkholes, plan.fragments))
    names = [*plan.sinkholes_added[:SAMPLE], *(made.sinkholes[:SAMPLE] if redrawn else ())]
    found = [Expectation(Question(name), SINKHOLE_ACTION) for name in dict.fromkeys(names)]
    rows = {candidate.origin: candidate.rows for candidate in target.zones}
    zones: list[str] = []
    monitored = {candidate.origin for candidate in target.zones if candidate.monitored}
    for change in plan.zones:
        if change.status == "removed" or change.origin in monitored:
            continue
        zones.append(change.origin)
        moved = [*change.diff.added.sample(SAMPLE), *change.diff.changed.sample(SAMPLE)]
        drawn = rows.get(change.origin)
        if change.status != "same" and not change.diff and drawn is not None:
            moved = drawn.all().sample(SAMPLE)
        for row in moved:
            # A sinkhole zone answers for itself; what the operator decided comes before feeds.
            if change is operator:
                if not any(is_within(row.name, name) for name in made.sinkholes):
                    found += expected(row, zones)
            elif not _passes_unseen(made):
                asked = expected(row, zones)
                found += [each for each in asked if made.decide(each.question.name) is None]
    return found + _freed(operator, made)


def _freed(operator: ZoneChange, made: policy.OperatorPolicy) -> list[Expectation]:
    """Return what to ask about names of which the operator no longer speaks himself."""
    found = []
    for row in operator.diff.removed.sample(SAMPLE):
        if is_other(row.name):
            continue
        action = made.decide(row.name)
        if not any(is_within(row.name, name) for name in made.sinkholes):
            found.append(Expectation(Question(row.name), action, (operator.origin,)))
        elif action == PASSTHRU:  # which leaves it to the sinkhole zone
            found.append(Expectation(Question(row.name), SINKHOLE_ACTION))
    return found
