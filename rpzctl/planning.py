"""From rules and feeds to the policy as it should be, and to the plan that leads there."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rpzctl import fragments, guards, policy, render, shipped, suffixes, triggers
from rpzctl.book import Book, read_book
from rpzctl.build import Target
from rpzctl.config import Config
from rpzctl.errors import UsageFault
from rpzctl.files import file_digest, read_text
from rpzctl.manifest import Manifest, digest_of
from rpzctl.names import Domain
from rpzctl.plan import NOTHING, Candidate, Plan, ZoneChange, zone_change
from rpzctl.rows import QuickRows
from rpzctl.rpz import too_long
from rpzctl.rule import Rule
from rpzctl.run import Run
from rpzctl.store import SINKHOLE, Store

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
            fragments=fragments.drawn(
                env,
                config,
                run.store.current_link,
                [zone.origin for zone in zones],
                made.sinkholes,
                made.rows,
            ),
        ),
        made,
    )


def no_plan(base: Manifest) -> Plan:
    """Return the plan that leaves `base` as it is."""
    return Plan(base.generation, (), (), (), False, ())


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
        fragments=(
            *(
                name
                for name, text in target.fragments.items()
                if base is None or read_text(store.folder(base) / name) != text
            ),
            *(fragments.gone(store.folder(base), target.fragments) if base else ()),
        ),
        stops=tuple(_objections(run, changes[0], made)),
        result=_result(target),
    )


def _result(target: Target) -> str:
    """Return the digest of all that is to be published, but for serials."""
    return digest_of(
        [(zone.origin, zone.digest) for zone in target.zones],
        target.sinkhole.digest,
        target.sinkholes,
        sorted(target.fragments.items()),
    )


def _objections(run: Run, change: ZoneChange, made: policy.OperatorPolicy) -> Iterator[guards.Stop]:
    """Judge the rules that are new against the published policy, and all pairs of rules."""
    fresh = {row.name for part in (change.diff.added, change.diff.changed) for row in part}
    judged = [rule for rule in made.rules if rule.name in fresh]
    if judged:
        yield from judged_rules(run.config, judged)
    for block, allow in guards.contradictions(made.rules):
        yield guards.Stop(
            "contradiction",
            f"allow {allow.shown()}",
            f"contradicts 'block {block.shown()}'"
            + (" (via zone: nothing in a sinkhole zone resolves)" if block.via == "zone" else ""),
        )


def judged_rules(config: Config, rules: Sequence[Rule]) -> Iterator[guards.Stop]:
    """Give what the guards say against rules. Raises `UsageFault` for a list that is not there."""
    yield from guards.judge(rules, suffix_list(config), protected(config))
    if any(triggers.trigger_of(rule.name) in triggers.ADDRESSES for rule in rules):
        from rpzctl import network_guards  # few rules are on addresses

        ours = [str(each.source) for each in config.resolver if each.source]
        yield from network_guards.judge(rules, config.guards, ours)


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


def judges_digest(config: Config) -> str:
    """Return a digest of what feeds are held against. Raises `UsageFault`."""
    tops = top_sites_file(config)
    try:
        top_sites = file_digest(tops) if tops else ""
    except OSError as fault:
        raise UsageFault(f"guards.top_sites: cannot read {tops}: {fault.strerror}") from None
    return digest_of(
        sorted(protected(config).names),
        hashlib.sha256(suffix_list(config).text).hexdigest(),
        top_sites,
    )


def plan_only(run: Run, feeds: Feeds | None) -> Plan:
    """Return the plan of an apply; nothing is written."""
    base = run.store.sound(run.store.current(), thorough=False)
    target, made = make_target(run, read_book(run.config.repo), base, feeds)
    return make_plan(run, base, target, made)
