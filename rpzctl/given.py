"""Groups with ``action = "given"``: policy zones of others, each trigger with its own action.

For feeds of the format rpz alone, of publishers who may decide what clients are answered. The
group's zone has what is about the name that is asked for, or who asks; rules on addresses in
answers and on name servers are in ``answers.GROUP.suffix``, behind all names (see
`rpzctl.answers`). What guards refuse to other feeds they refuse to these.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import (
    __version__,
    abilities,
    exceptions,
    feed_groups,
    guards,
    network_guards,
    planning,
    policy,
    render,
    triggers,
)
from rpzctl.answers import origin_of
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.feed_groups import Group
from rpzctl.guards import LeftOut, Stop
from rpzctl.manifest import digest_of
from rpzctl.names import Domain, ancestors
from rpzctl.network_guards import Ranges
from rpzctl.plan import Candidate
from rpzctl.rows import QuickRows
from rpzctl.rpz import BITS, PASSTHRU, SCOPES, Action, Row, Scope, longest_name
from rpzctl.snapshots import read_as
from rpzctl.suffixes import Suffixes
from rpzctl.triggers import ADDRESSES, Trigger
from rpzctl.wanted import Became, Report, Work

if TYPE_CHECKING:
    from rpzctl.formats.rpz_rules import Said

MOST_ACTIONS = 2000
"""different actions of one zone: each is drawn by the template"""
_FRONT = frozenset({Trigger.QNAME, Trigger.CLIENT_IP})
Own = dict[tuple[Domain, Scope], Action]


class _Judges(NamedTuple):
    """What the rules are held against."""

    protected: Mapping[Domain, str]
    above_protected: Mapping[Domain, Domain]
    """parents of protected names, with one of those each"""
    tops: frozenset[str]
    above_tops: frozenset[str]
    """their parents"""
    networks: Mapping[Trigger, Ranges]
    kinds: tuple[str, ...]
    """of the configured resolvers"""


def zones(work: Work, group: Group) -> Became:
    """Return the zones of a group whose feeds say their actions. Raises `UsageFault`.

    What cannot be read or is too much leaves the zones as they are published.
    """
    config, base = work.run.config, work.base
    origins = (config.origin(group.name), origin_of(config.origin(group.name)))
    there = [base.zones[each] for each in origins if base and each in base.zones]
    kept = Became(
        tuple(Candidate(each.origin, kept=each) for each in there if each.origin == origins[0]),
        answers=tuple(Candidate(e.origin, kept=e) for e in there if e.origin != origins[0]),
    )
    if there and group.lost:
        return kept  # a copy that is gone takes nothing out of the policy
    if not group.copies:
        return Became(())
    inputs = _inputs(work, group)
    if there and all(each.inputs == inputs for each in there):
        return kept
    work.run.stage(f"collecting the rules of {origins[0]}")
    try:
        own, left = _own(work, group)
    except RpzctlError as fault:
        return kept._replace(warnings=(f"{origins[0]} stays as it is: {fault.message}",))
    made = list(policy.rows(policy.effects(own)))
    parts = [[row for row in made if _is_front(row) == front] for front in (True, False)]
    fitting = [_fitting(rows, origin) for rows, origin in zip(parts, origins, strict=True)]
    names, others = (
        (_candidate(work, origin, rows, inputs),) if rows or origin == origins[0] else ()
        for origin, rows in zip(origins, fitting, strict=True)
    )
    left = left._replace(too_long=sum(map(len, parts)) - sum(map(len, fitting)))
    report = Report(origins[0], sum(map(len, fitting)), left)
    return Became(names, reports=(report,), answers=others)


def _is_front(row: Row) -> bool:
    return triggers.trigger_of(row.name) in _FRONT


def _fitting(rows: Iterable[Row], origin: str) -> list[Row]:
    return [row for row in rows if len(row.name) <= longest_name(origin, row.scope)]


def _candidate(work: Work, origin: Domain, rows: Sequence[Row], inputs: str) -> Candidate:
    actions = {row.action for row in rows}
    drawn = render.zone(work.env, "bind/rpz.zone.j2", work.run.config, origin, actions)
    return Candidate(origin, drawn=drawn, rows=QuickRows(tuple(rows)), inputs=inputs)


def _inputs(work: Work, group: Group) -> str:
    config = work.run.config
    return digest_of(
        __version__,
        work.env.digest,
        [(f.name, r.sha256, read_as(f), f.kind, f.exceptions) for f, r in group.feeds],
        sorted((name, text.decode("ascii")) for name, text in work.excepted.items()),
        planning.judges_digest(config),
        list(config.guards.networks),
        config.guards.shipped,
        sorted({resolver.kind for resolver in config.resolver}),
        repr(config.soa),
        repr(config.sinkhole),
        config.group_of(config.origin(group.name)).mode,
    )


def _own(work: Work, group: Group) -> tuple[Own, LeftOut]:
    """Return what the feeds say, the first that speaks of a subject first, and what guards took.

    Raises `RpzctlError`, `UsageFault`.
    """
    config = work.run.config
    said: Own = {}
    stops: list[Stop] = []
    told: list[Stop] = []
    judges = _judges(config)
    suffixes = planning.suffix_list(config)
    for feed, _ in group.feeds:
        rules = _rules(config, feed)
        public = suffixes.among(_named(rules))
        for each in rules:
            judge = _too_wide if each.action == PASSTHRU else _stop
            stop = _unserved(judges, each) or judge(judges, each, public)
            if stop is None:
                said.setdefault((each.owner, each.scope), each.action)
            elif stop.guard == "top-site" and feed.kind != "threat":
                told.append(stop)
                said.setdefault((each.owner, each.scope), each.action)
            else:
                stops.append(stop)
    names = {feed.name for feed, _ in group.feeds}
    others = {name: text for name, text in work.excepted.items() if name not in names}
    left_over = _without(said, others.values(), suffixes)
    if len(set(said.values())) > MOST_ACTIONS:
        raise RpzctlError(f"its feeds say more than {MOST_ACTIONS} different actions")
    left = LeftOut(
        stops=tuple(stops[:1000]),
        stopped=len(stops),
        told=tuple(told[:1000]),
        too_long=0,
        covered=0,
        excepted=len(said.keys() - left_over.keys()),
        unsaid=(),
        few=0,
    )
    return left_over, left


def _rules(config: Config, feed: Feed) -> tuple["Said", ...]:
    from rpzctl.formats import rpz_rules

    if feed.format != "rpz":
        raise RpzctlError(f"the feed {feed.name} is no rpz, and says no actions")
    found = rpz_rules.rules(feed_groups.snapshots(config).data(feed.name))
    if not found.whole:
        raise RpzctlError(f"the feed {feed.name} has more than {rpz_rules.MOST} rules")
    if not feed.exceptions:
        return tuple(each for each in found.said if each.action != PASSTHRU)
    return found.said


def _named(rules: Iterable["Said"]) -> set[str]:
    """Return the names that rules are about, of queries and of name servers."""
    told = (triggers.subject(each.owner) for each in rules)
    return {each.text for each in told if each.trigger not in ADDRESSES}


def _judges(config: Config) -> _Judges:
    path = planning.top_sites_file(config)
    tops = guards.read_top_sites(path) if path else frozenset[str]()
    names = planning.protected(config).names
    return _Judges(
        protected=names,
        above_protected={parent: name for name in names for parent in ancestors(name)},
        tops=tops,
        above_tops=frozenset(str(parent) for top in tops for parent in ancestors(top)),
        networks={each: network_guards.of_rules(config.guards, each) for each in ADDRESSES},
        kinds=tuple(dict.fromkeys(resolver.kind for resolver in config.resolver)),
    )


def _unserved(judges: _Judges, each: "Said") -> Stop | None:
    """Return that a configured resolver cannot serve a rule.

    A publish with it would be refused, and all other feeds with it.
    """
    trigger, text = triggers.subject(each.owner)
    for kind in judges.kinds:
        if cannot := abilities.why_not(kind, trigger, each.action):
            return Stop("resolver", f"{trigger} {text} {each.action.kind}", f"{kind}: {cannot}")
    return None


def _stop(judges: _Judges, each: "Said", public: set[str]) -> Stop | None:
    """Return what speaks against a rule of a feed."""
    trigger, text = triggers.subject(each.owner)
    if trigger in ADDRESSES:
        stops = network_guards.guard([text], judges.networks[trigger]).stops
        return stops[0] if stops else None
    if text in public:
        return Stop("public-suffix", text, "is a public suffix")
    wide = each.scope is not Scope.EXACT
    around = (name for name in (text, *ancestors(text)) if name in judges.protected)
    entry = next(around, judges.above_protected.get(Domain(text)) if wide else None)
    if entry is not None:
        return Stop("protected", text, f"would take away {entry}, which is protected")
    if trigger is Trigger.NSDNAME and any(name in judges.tops for name in ancestors(text)):
        return Stop("top-site", text, "is a name server of a top site")
    if text in (judges.above_tops if wide else judges.tops):
        return Stop("top-site", text, "would take away a top site")
    return None


def _too_wide(_: _Judges, each: "Said", public: set[str]) -> Stop | None:
    """Return what speaks against a rule by which something passes all zones behind."""
    trigger, text = triggers.subject(each.owner)
    if trigger in ADDRESSES:
        stops = network_guards.guard([text], Ranges({4: (), 6: ()})).stops
        return stops[0] if stops else None
    return Stop("public-suffix", text, "is a public suffix") if text in public else None


def _without(said: Own, texts: Iterable[bytes], suffixes: Suffixes) -> Own:
    """Return what is `said`, less what other feeds except; those pass where a wider rule stays."""
    allows = [allow for text in texts for allow in exceptions.of_text(text)]
    if not allows:
        return said
    united = dict(exceptions.united(allows, suffixes.among(name for name, _ in allows)))
    wide = {name for name, bits in united.items() if bits & BITS[Scope.BELOW]}
    left = {
        (owner, scope): action
        for (owner, scope), action in said.items()
        if not united.get(owner, 0) & BITS[scope]
        and not any(parent in wide for parent in ancestors(owner))
    }
    passing: Own = {
        (name, SCOPES[bits]): PASSTHRU
        for name, bits in united.items()
        if any((parent, Scope.BELOW) in left for parent in ancestors(name))
    }
    return {**left, **passing}
