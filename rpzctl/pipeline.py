"""The one path: rules and feeds → policy → plan → guards → build → check → publish → load → prove.

Every command is this path with another beginning. Whatever fails before the publish leaves
everything as it was; whatever fails after it puts the previous policy back, proves that, and
tells both causes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import build, guards, planning, policy, rules
from rpzctl.book import Book, read_book, saved, written
from rpzctl.build import Step
from rpzctl.check import Finding
from rpzctl.errors import Refused, RpzctlError
from rpzctl.manifest import Cause, Hold, Manifest, ZoneEntry
from rpzctl.plan import Plan
from rpzctl.run import Run
from rpzctl.store import SYNC_LOCK

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
    released: Hold | None = None
    """this ended what was held"""
    held: Hold | None = None
    """an old policy is held: rules and feeds are not published, but for single rules on top"""

    def value(self) -> dict[str, Any]:
        """Return the outcome as a JSON-ready document."""
        return {
            "generation": self.generation,
            "published": self.published,
            "proven": self.proven,
            "serials": dict(self.serials),
            "warnings": list(self.warnings),
            "held": self.held._asdict() if self.held else None,
            "plan": self.plan.value(),
        }


class Change(NamedTuple):
    """What is to be published, and what it replaces."""

    plan: Plan
    before: Book
    """the rule files as they are"""
    after: Book
    made: policy.OperatorPolicy
    served: Manifest | None
    """what the resolvers are known to serve"""
    everything: bool
    """feed zones, too"""
    held: Hold | None
    passing: bool


def record(run: Run, edit: Callable[[Book], Book]) -> None:
    """Change the rule files alone, under the lock; the guards judge as they would for an apply."""
    with run.store.lock(run.wait):
        before = read_book(run.config.repo)
        after = edit(before)
        base = run.store.current()
        target, made = planning.make_target(run, after, base, None)
        if not run.force:
            guards.refuse(planning.make_plan(run, base, target, made).stops)
        with written(before, after):
            pass


def apply(
    run: Run,
    *,
    feeds: planning.Feeds | None = None,
    edit: Callable[[Book], Book] | None = None,
    prebuilt: Mapping[str, tuple[ZoneEntry, Path]] | None = None,
    passing: bool = False,
) -> Outcome:
    """Carry the policy to the resolvers and prove it.

    `edit` changes the rule files first; they are written with the publish, and put back with
    it. `feeds` gives the feed zones; without it they stay as they are published. `passing` says
    that what is published is a step on the way to the next generation.

    While an old policy is held (`rpzctl.rollback`), an `edit` is carried out on the rules of that
    one, too, and comes on top; without one nothing is published, unless `run.release` is that hold.

    The lock is held throughout, but for the wait until feed zones are live: BIND may take many
    seconds to load them, and `block` must not wait for that.

    Raises `Refused`, `CheckFailed` (nothing changed), `NotLive` (the previous policy is back),
    `Locked`, `UsageFault`, `RpzctlError`.
    """
    with run.store.lock(run.wait):
        done, pending = _apply_locked(run, feeds, edit, prebuilt or {}, passing=passing)
    if pending is not None:
        from rpzctl import deliver

        deliver.finish(run, pending)
    return done


def _apply_locked(
    run: Run,
    feeds: planning.Feeds | None,
    edit: Callable[[Book], Book] | None,
    prebuilt: Mapping[str, tuple[ZoneEntry, Path]],
    *,
    passing: bool,
) -> tuple[Outcome, "deliver.Pending | None"]:
    """Do what is done under the lock; return also what is still to be proved without it."""
    run.stage("planning")
    store = run.store
    before = read_book(run.config.repo)
    for file in before:
        rules.sweep(file)
    base = store.current()
    served = store.proven()
    held = base.held if base and base.held != run.release else None
    if base and held and edit is None:
        return _as_published(run, base, served, planning.no_plan(base), edit, everything=True), None
    source = _held_rules(run, base) if held and base else before
    source = edit(source) if edit else source
    book = edit(before) if edit else before
    if feeds is not None:
        base = store.sound(base, thorough=False)
    target, made = planning.make_target(run, source, base, feeds)
    plan = planning.make_plan(run, base, target, made)
    if run.agreed and not passing:
        run.agreed.hold(plan)
    if not run.force:
        guards.refuse(plan.stops)
    settled = base is not None and served is not None and base.generation == served.generation
    if edit and not settled and store.is_held(SYNC_LOCK):
        served = base  # a sync is proving the rest at this moment, or putting it back
    everything = feeds is not None
    if base is None or not plan.is_empty or (base.held and not held):
        step = Step(run.config, store, base, target, run.now, prebuilt, source)
        change = Change(plan, before, book, made, served, everything, held, passing)
        return _publish(run, step, change)
    with written(before, book):
        return _as_published(run, base, served, plan, edit, everything=everything), None


def _held_rules(run: Run, base: Manifest) -> Book:
    """Return the rules of the policy that is held. Raises `Refused` if they were not kept."""
    book = saved(run.store.folder(base))
    if book is None:
        raise Refused(
            f"the rules of the policy that is held (generation {base.generation}) were not kept",
            fix="end the hold with 'rpzctl rollforward', or record the rule with --no-apply",
        )
    return book


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
    done = Outcome(plan, base.generation, published=False, proven=False, held=base.held)
    if not (run.reload and run.resolvers):
        return done
    try:
        drifted = ready(run, base, everything=everything)
    except RpzctlError as fault:
        if edit is None:
            raise
        return done._replace(warnings=(fault.message,))
    if drifted or base != served:
        from rpzctl import deliver

        deliver.bring(run, served, base, [], served or base, drifted)
    return done._replace(proven=True)


def _publish(run: Run, step: Step, change: Change) -> tuple[Outcome, "deliver.Pending | None"]:
    store = run.store
    pending = None
    with store.aside() as folder:
        manifest = _marked(run, build.build(step, folder), step, change)
        checks = build.start_checks(step, manifest, folder)
        # DNS is imported and asked while named-checkzone reads.
        from rpzctl import deliver

        drifted = ready(run, step.base, everything=change.everything)
        findings = build.finish_checks(step, change.plan, manifest, folder, checks)
        findings += _cases(run, manifest, folder)
        build.refuse(findings)
        run.stage("publishing")
        with written(change.before, change.after):
            before = store.current()  # step.base may lack zones whose files are damaged
            store.publish(folder, manifest)
            if run.reload and run.resolvers:
                good = change.served or before
                expect = deliver.expectations(change.plan, change.made, step.target)
                if change.everything:
                    pending = deliver.start(run, change.served, manifest, expect, good, drifted)
                else:
                    names = deliver.changed_names(change.plan, change.served)
                    deliver.bring(run, change.served, manifest, expect, good, drifted, names)
    if change.everything or not store.is_held(SYNC_LOCK):  # a sync may read what it began from
        store.prune(run.config.policy.keep, run.config.policy.keep_days, run.now)
    old = step.base.zones if step.base else {}
    done = Outcome(
        change.plan,
        manifest.generation,
        published=True,
        proven=bool(run.reload and run.resolvers),
        serials={o: z.serial for o, z in manifest.zones.items() if old.get(o) != z},
        warnings=tuple(f.text() for f in findings if f.severity == "warning"),
        held=change.held,
        released=run.release if step.base and step.base.held and not change.held else None,
    )
    return done, pending


def _cases(run: Run, manifest: Manifest, folder: Path) -> list[Finding]:
    """Return which of the team's own expectations the generation in `folder` does not meet."""
    if not (run.config.repo / run.config.policy.cases).is_file():
        return []
    from rpzctl import cases

    zones = [(folder, manifest.zones[origin]) for origin in manifest.policy_zones]
    return list(cases.findings(run.config, zones, manifest.sinkholes))


def _marked(run: Run, made: Manifest, step: Step, change: Change) -> Manifest:
    """Return the manifest `made` with who wanted it, what it changes, and what it is made from."""
    copies: Mapping[str, str] = step.base.feeds if step.base else {}
    if change.everything:
        from rpzctl import feed_groups

        copies = feed_groups.copies_of(run.config)
    return made._replace(
        cause=_cause(run, change),
        held=change.held,
        passing=change.passing,
        moved={zone.origin: zone.moved() for zone in change.plan.zones if zone.status != "same"},
        feeds=copies,
    )


def _cause(run: Run, change: Change) -> Cause:
    """Return who wants what, and what the policy repo is at; a command that commits tells later."""
    if not change.everything or not run.config.git.commit:
        return run.cause
    from rpzctl import git

    try:
        repo = git.find(run.config.repo, run.config.git.timeout)
        at = git.head(repo) if repo else git.Head("", dirty=False)
    except (RpzctlError, OSError):
        return run.cause
    return run.cause._replace(commit=at.commit, dirty=at.dirty)


def ready(run: Run, base: Manifest | None, *, everything: bool) -> list[str]:
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
