"""The one path: rules and feeds → policy → plan → guards → build → check → publish → load → prove.

Every command is this path with another beginning. Whatever fails before the publish leaves
everything as it was; whatever fails after it puts the previous policy back, proves that, and
tells both causes.
"""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import build, guards, policy, render, rules, shipped, suffixes
from rpzctl.book import Book, read_book, written
from rpzctl.build import Step, Target
from rpzctl.config import Config
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.files import read_text
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.names import Domain
from rpzctl.plan import NOTHING, Candidate, Plan, ZoneChange, zone_change
from rpzctl.rows import QuickRows
from rpzctl.rpz import too_long
from rpzctl.run import Run
from rpzctl.store import SINKHOLE, SYNC_LOCK, Store

if TYPE_CHECKING:
    from rpzctl import deliver


class Outcome(NamedTuple):
    """What was done."""

    plan: Plan
    generation: int
    published: bool
    """a new generation was made"""
    proven: bool
    """a resolver was asked and serves it"""
    serials: Mapping[str, int] = MappingProxyType({})
    """of the zones that are new in this generation"""
    warnings: tuple[str, ...] = ()

    def value(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready document."""
        return {
            "generation": self.generation,
            "published": self.published,
            "proven": self.proven,
            "serials": dict(self.serials),
            "warnings": list(self.warnings),
            "plan": self.plan.value(),
        }


Feeds = Callable[[Manifest | None], list[Candidate]]
"""Given the published generation, return the zones of the feed groups as they should be."""


def carried(base: Manifest | None, config: Config) -> list[Candidate]:
    """Return the feed zones as they are published: the quick lane does not look at them."""
    if base is None:
        return []
    return [
        Candidate(origin, kept=zone)
        for origin, zone in base.zones.items()
        if zone.inputs and origin != config.policy.operator_zone
    ]


def operator_candidate(
    config: Config, env: render.Templates, made: policy.OperatorPolicy, book: Book
) -> Candidate:
    """Return the operator's zone. Raises `UsageFault` for names that do not fit into it."""
    origin = config.policy.operator_zone
    rows = QuickRows(made.rows)
    long = set(too_long(((row.name, row.scope) for row in rows.rows), origin))
    if long:
        told = [f"{book.where(rule)}: {rule.shown()}" for rule in made.rules if rule.name in long]
        raise UsageFault(
            f"too long for the policy zone {origin}: name and origin share 253 octets",
            details=told,
        )
    actions = {row.action for row in rows.rows}
    return Candidate(
        origin, drawn=render.zone(env, "bind/rpz.zone.j2", config, origin, actions), rows=rows
    )


def make_target(
    run: Run, book: Book, base: Manifest | None, feeds: Feeds | None
) -> tuple[Target, policy.OperatorPolicy]:
    """Return the policy that the rules and feeds come to."""
    config = run.config
    made = policy.build(book.rules, run.now, config.action)
    env = render.environment(config)
    zones = [
        operator_candidate(config, env, made, book),
        *(feeds(base) if feeds else carried(base, config)),
    ]
    drawn = render.zone(env, "bind/sinkhole.zone.j2", config, SINKHOLE, ())
    return (
        Target(
            zones=tuple(zones),
            sinkhole=Candidate(SINKHOLE, drawn=drawn, rows=QuickRows(())),
            sinkholes=tuple(made.sinkholes),
            fragments=build.fragments(
                env, config, run.store, [zone.origin for zone in zones], made.sinkholes
            ),
        ),
        made,
    )


def make_plan(run: Run, base: Manifest | None, target: Target, made: policy.OperatorPolicy) -> Plan:
    """Return what would change from `base` to `target`, and what the guards say to it."""
    store = run.store
    saved = saved_rows(store, base)
    changes = [zone_change(zone, base, saved) for zone in target.zones]
    known = {zone.origin for zone in target.zones}
    changes += [
        ZoneChange(origin, "removed", NOTHING, False, base.zones[origin].rows if base else 0, "")
        for origin in (base.policy_zones if base else ())
        if origin not in known
    ]
    sinkhole = base.zones.get(SINKHOLE) if base else None
    before, after = set(base.sinkholes if base else ()), set(target.sinkholes)
    return Plan(
        base=base.generation if base else 0,
        zones=tuple(changes),
        sinkholes_added=tuple(sorted(after - before)),
        sinkholes_removed=tuple(sorted(before - after)),
        sinkhole_changed=sinkhole is None or sinkhole.digest != target.sinkhole.digest,
        fragments=tuple(
            name
            for name, text in target.fragments.items()
            if base is None or read_text(store.folder(base) / name) != text
        ),
        stops=tuple(_objections(run, changes[0], made)),
    )


def _objections(run: Run, change: ZoneChange, made: policy.OperatorPolicy) -> Iterator[guards.Stop]:
    """Judge the rules that are new against the published policy, and all pairs of rules."""
    fresh = {row.name for part in (change.diff.added, change.diff.changed) for row in part}
    judged = [rule for rule in made.rules if rule.name in fresh]
    if judged:
        yield from guards.judge(judged, suffix_list(run.config), protected(run.config))
    for block, allow in guards.contradictions(made.rules):
        yield guards.Stop(
            "contradiction",
            f"allow {allow.shown()}",
            f"contradicts 'block {block.shown()}'"
            + (" (via zone: nothing in a sinkhole zone resolves)" if block.via == "zone" else ""),
        )


def saved_rows(store: Store, base: Manifest | None) -> dict[str, Path]:
    """Return where the rows of each published policy zone are saved."""
    if base is None:
        return {}
    paths = {o: store.folder(base) / z.rows_file for o, z in base.zones.items() if z.rows_file}
    return {origin: path for origin, path in paths.items() if path.is_file()}


def suffix_list(config: Config) -> suffixes.Suffixes:
    """Return the public suffix list that the configuration names, or the installed one.

    Raises `UsageFault` when it cannot be read.
    """
    path = config.guards.public_suffix_list
    try:
        return suffixes.load(config.repo / path if path else None)
    except (OSError, ValueError) as fault:
        raise UsageFault(f"guards.public_suffix_list: {fault}") from None


def protected(config: Config) -> guards.Protected:
    """Return the names that nothing may block, with who says so."""
    names: dict[Domain, str] = {}
    if config.guards.shipped:
        names.update(guards.read_protect_list(shipped.protect_list()))
    for host, feed in guards.feed_hosts(config.repo / "feeds").items():
        names[host] = f"the feed {feed} comes from it"
    names.update({Domain(name): "guards.protect in rpzctl.toml" for name in config.guards.protect})
    return guards.Protected(names)


def top_sites_file(config: Config) -> Path | None:
    """Return the list of sites that no threat feed may block, if there is one."""
    path = config.guards.top_sites
    if path is not None:
        return config.repo / path
    return shipped.top_sites() if config.guards.shipped else None


def plan_only(run: Run, feeds: Feeds | None) -> Plan:
    """Return the plan of an apply; nothing is written."""
    base = run.store.sound(run.store.current(), thorough=False)
    target, made = make_target(run, read_book(run.config.repo), base, feeds)
    return make_plan(run, base, target, made)


def record(run: Run, edit: Callable[[Book], Book]) -> None:
    """Change the rule files alone, under the lock; the guards judge as they would for an apply."""
    with run.store.lock(run.wait):
        before = read_book(run.config.repo)
        after = edit(before)
        base = run.store.current()
        target, made = make_target(run, after, base, None)
        if not run.force:
            guards.refuse(make_plan(run, base, target, made).stops)
        with written(before, after):
            pass


def apply(
    run: Run,
    *,
    feeds: Feeds | None = None,
    edit: Callable[[Book], Book] | None = None,
    prebuilt: Mapping[str, tuple[ZoneEntry, Path]] | None = None,
) -> Outcome:
    """Carry the policy to the resolvers and prove it.

    `edit` changes the rule files first; they are written with the publish, and put back with
    it. `feeds` gives the feed zones; without it they stay as they are published.

    The lock is held throughout, but for the wait until feed zones are live: BIND may take many
    seconds to load them, and `block` must not wait for that.

    Raises `Refused`, `CheckFailed` (nothing changed), `NotLive` (the previous policy is back),
    `Locked`, `UsageFault`, `RpzctlError`.
    """
    with run.store.lock(run.wait):
        done, pending = _apply_locked(run, feeds, edit, prebuilt or {})
    if pending is not None:
        from rpzctl import deliver

        deliver.finish(run, pending)
    return done


def _apply_locked(
    run: Run,
    feeds: Feeds | None,
    edit: Callable[[Book], Book] | None,
    prebuilt: Mapping[str, tuple[ZoneEntry, Path]],
) -> tuple[Outcome, "deliver.Pending | None"]:
    """Do what is done under the lock; return also what is still to be proved without it."""
    run.stage("planning")
    store = run.store
    before = read_book(run.config.repo)
    for file in before:
        rules.sweep(file)
    book = edit(before) if edit else before
    base = store.current()
    if feeds is not None:
        base = store.sound(base, thorough=False)
    target, made = make_target(run, book, base, feeds)
    plan = make_plan(run, base, target, made)
    if not run.force:
        guards.refuse(plan.stops)
    served = store.proven()
    settled = base is not None and served is not None and base.generation == served.generation
    if edit and not settled and store.is_held(SYNC_LOCK):
        served = base  # a sync is proving the rest at this moment, or putting it back
    if base is None or not plan.is_empty:
        step = Step(run.config, store, base, target, run.now, prebuilt)
        return _publish(run, step, plan, (before, book), made, served, everything=feeds is not None)
    with written(before, book):
        return _as_published(run, base, served, plan, edit, everything=feeds is not None), None


def _as_published(
    run: Run,
    base: Manifest,
    served: Manifest | None,
    plan: Plan,
    edit: Callable[[Book], Book] | None,
    *,
    everything: bool,
) -> Outcome:
    """Make sure that the resolvers serve what is published already.

    An operator who repeats a block is told that it stands even when no resolver can be asked.
    """
    if not (run.reload and run.resolvers):
        return Outcome(plan, base.generation, published=False, proven=False)
    try:
        drifted = _ready(run, base, everything=everything)
    except RpzctlError as fault:
        if edit is None:
            raise
        told = (fault.message,)
        return Outcome(plan, base.generation, published=False, proven=False, warnings=told)
    if drifted or base != served:
        from rpzctl import deliver

        deliver.bring(run, served, base, [], served or base, drifted)
    return Outcome(plan, base.generation, published=False, proven=True)


def _publish(
    run: Run,
    step: Step,
    plan: Plan,
    books: tuple[Book, Book],
    made: policy.OperatorPolicy,
    served: Manifest | None,
    *,
    everything: bool,
) -> tuple[Outcome, "deliver.Pending | None"]:
    store = run.store
    pending = None
    with store.aside() as folder:
        manifest = build.build(step, folder)
        checks = build.start_checks(step, manifest, folder)
        # DNS is imported and asked while named-checkzone reads.
        from rpzctl import deliver

        drifted = _ready(run, step.base, everything=everything)
        findings = build.finish_checks(step, plan, manifest, folder, checks)
        build.refuse(findings)
        run.stage("publishing")
        with written(*books):
            before = store.current()  # step.base may lack zones whose files are damaged
            store.publish(folder, manifest)
            if run.reload and run.resolvers:
                good = served or before
                expect = deliver.expectations(plan, made, step.target)
                if everything:
                    pending = deliver.start(run, served, manifest, expect, good, drifted)
                else:
                    deliver.bring(run, served, manifest, expect, good, drifted)
    store.prune(run.config.policy.keep, run.config.policy.keep_days, run.now)
    proven = bool(run.reload and run.resolvers)
    old = step.base.zones if step.base else {}
    done = Outcome(
        plan,
        manifest.generation,
        published=True,
        proven=proven,
        serials={o: z.serial for o, z in manifest.zones.items() if old.get(o) != z},
        warnings=tuple(f.text() for f in findings if f.severity == "warning"),
    )
    return done, pending


def _ready(run: Run, base: Manifest | None, *, everything: bool) -> list[str]:
    """Make sure that the resolvers can take a change; return the published zones they do not serve.

    The quick lane asks for the operator's zone alone. Raises `RpzctlError` when a resolver
    cannot be reached at all: then nothing is changed.
    """
    from rpzctl.resolvers.verify import serves

    drifted: dict[str, None] = {}
    if not run.reload:
        return []
    entries = [
        zone
        for zone in (base.zones.values() if base else ())
        if zone.kind == "policy" and (everything or zone.origin == run.config.policy.operator_zone)
    ]
    for resolver in run.resolvers:
        resolver.ready()
        live = serves(resolver, entries)
        drifted.update(dict.fromkeys(origin for origin, ok in live.items() if not ok))
    return list(drifted)
