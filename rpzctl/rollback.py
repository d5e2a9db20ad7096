"""Back to an earlier policy with one command, and forward again.

An old generation is published once more, under serials that are higher than any before: its zones
and fragments, byte for byte but for the SOA, and the rules that it was made from. It is held until
a person says `apply` or `rollforward`: rules and feeds that change meanwhile are recorded and
fetched, not published. A `block` or `allow` given meanwhile comes on top of the old policy.
"""

from typing import TYPE_CHECKING

from rpzctl import between, build, includes, pipeline, times
from rpzctl.errors import RpzctlError, UsageFault
from rpzctl.manifest import Hold, Manifest
from rpzctl.pipeline import Outcome
from rpzctl.plan import Plan
from rpzctl.run import Run
from rpzctl.store import Store

if TYPE_CHECKING:
    from rpzctl.resolvers.verify import Expectation


def rollback(run: Run, number: int | None = None) -> Outcome:
    """Put the policy of the generation `number` back, live and proved, and hold it.

    Without a number: the newest that says something else than the current one and is older than
    what that says. The current one's number holds it as it is. The lock is not held while large
    zones load; a sync that is fetching is not waited for.

    Raises `UsageFault` for a generation that is not kept, `RpzctlError` for a damaged one,
    `CheckFailed` (nothing changed), `NotLive` (the policy before the rollback is back), `Locked`.
    """
    from rpzctl import deliver

    with run.store.lock(run.wait):
        run.stage("looking for the earlier policy")
        base = _current(run.store)
        good = chosen(run.store, base, number)
        plan = between.plan(run.store, base, good)
        drifted = pipeline.ready(run, base, everything=True)
        served = run.store.proven()
        manifest = _publish(run, base, good, plan)
        pending = None
        if run.reload and run.resolvers:
            expect = _expectations(run, good, plan)
            pending = deliver.start(run, served, manifest, expect, served or base, drifted)
        run.store.prune(run.config.policy.keep, run.config.policy.keep_days, run.now)
    if pending is not None:
        deliver.finish(run, pending)
    return Outcome(
        plan,
        manifest.generation,
        published=True,
        proven=pending is not None,
        serials={o: z.serial for o, z in manifest.zones.items() if base.zones.get(o) != z},
        held=manifest.held,
    )


def kept(store: Store, number: int | None) -> Manifest:
    """Return the generation `number`, or the current one. Raises `UsageFault`, `RpzctlError`."""
    if number is None:
        return _current(store)
    there = store.kept()
    found = next((each for each in there if each.generation == number), None)
    if found is None:
        is_damaged = number in store.numbers()
        raise UsageFault(
            f"generation {number} is damaged" if is_damaged else f"there is no generation {number}",
            details=["kept are " + ", ".join(str(each.generation) for each in there)],
            fix="'rpzctl history' shows them",
        )
    return found


def _current(store: Store) -> Manifest:
    base = store.current()
    if base is None:
        raise UsageFault("nothing is published yet", fix="rpzctl init")
    return base


def chosen(store: Store, base: Manifest, number: int | None) -> Manifest:
    """Return the generation to go back to from `base`. Raises `UsageFault`, `RpzctlError`."""
    if number is not None:
        return _whole(store, kept(store, number))
    says = base.held.of if base.held else base.of or base.generation
    for each in reversed(store.kept()):
        if each.generation < says and not each.passing and not _same(store, base, each):
            return _whole(store, each)
    raise UsageFault(
        "no earlier policy is kept that says something else", fix="'rpzctl history' shows them"
    )


def _same(store: Store, one: Manifest, other: Manifest) -> bool:
    def says(manifest: Manifest) -> dict[str, str]:
        return {origin: zone.digest for origin, zone in manifest.zones.items()}

    if says(one) != says(other) or one.sinkholes != other.sinkholes:
        return False
    return between.plan(store, one, other).is_empty


def _whole(store: Store, manifest: Manifest) -> Manifest:
    """Return `manifest` if all of its files are as they were written. Raises `RpzctlError`."""
    sound = store.sound(manifest, thorough=True, published=False)
    gone = [origin for origin in manifest.zones if sound and origin not in sound.zones]
    if gone:
        raise RpzctlError(
            f"generation {manifest.generation} is damaged: {', '.join(gone)}",
            details=[str(store.folder(manifest) / manifest.zones[o].file) for o in gone],
            fix="name another one: 'rpzctl history' shows them",
        )
    return manifest


def _publish(run: Run, base: Manifest, good: Manifest, plan: Plan) -> Manifest:
    store = run.store
    of = good.of or good.generation
    wanted = build.content(run.config, store, good)
    with store.aside() as folder:
        made = build.rebuild(run.config, store, wanted, base, folder, run.now)
        for resolver in run.config.resolver if plan.fragments else ():
            found = includes.configuration(resolver, wanted.fragments, store.current_link)
            build.refuse(found)
        manifest = made._replace(
            cause=run.cause,
            of=of,
            held=Hold(of, run.cause.by, times.show(run.now), run.cause.why),
            moved={zone.origin: zone.moved() for zone in plan.zones if zone.status != "same"},
            feeds=good.feeds,
        )
        run.stage("publishing")
        store.publish(folder, manifest)
    return manifest


def _expectations(run: Run, good: Manifest, plan: Plan) -> "list[Expectation]":
    """Return questions about what the rollback changes."""
    from rpzctl import deliver

    made = between.operator_policy(run.store, good)
    return deliver.expectations(plan, made, between.target(run.store, good, plan))
