"""Is it true? Proof through the resolver that a generation has effect.

First the canary of each changed zone: a trigger whose name is new with each serial, so that no
older policy can answer it. Then a sample of the names that were added or taken out.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from rpzctl.config import Sinkhole
from rpzctl.errors import NotLive, RpzctlError
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.render import canary_name
from rpzctl.resolvers import Answer, Marks, Question, Resolver
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope
from rpzctl.triggers import is_other

PROBE = "rpzctl-probe"
_PAUSE = 0.003
_QUICK = 0.5
"""seconds to wait for an answer that policy gives: it comes at once; one that does not come in this
time comes from the internet, or is dropped"""
_ALIVE = 3.0
"""seconds until a resolver counts as dead"""
_LARGE = 10_000
"""records that named surely loads within one second more"""


class Expectation(NamedTuple):
    """A question and what its answer must be by the plan."""

    question: Question
    action: Action | None
    """None: none of `zones` rewrites it"""
    zones: tuple[str, ...] = ()
    """the policy zone that it is about, and before it those in front of that one, which may
    answer in its place"""


def expected(row: Row, zones: Sequence[str]) -> list[Expectation]:
    """Return what to ask about `row`, which stands in the last of `zones`.

    Nothing about a rule on addresses or name servers: no name is known that would meet it. The
    canary shows that its zone has effect.
    """
    if is_other(row.name):
        return []
    names = []
    if row.scope is not Scope.BELOW:
        names.append(str(row.name))
    probe = f"{PROBE}.{row.name}"
    if row.scope is not Scope.EXACT and len(probe) <= 253:  # noqa: PLR2004 - names.MAX_LENGTH
        names.append(probe)
    kind = "CNAME" if row.action.kind is Kind.CNAME else "A"
    if row.action.data:
        kind = row.action.data[0].partition(" ")[0]
    return [Expectation(Question(name, kind), row.action, tuple(zones)) for name in names]


def mismatch(
    expectation: Expectation, answer: Answer, sinkhole: Sinkhole, marks: Marks = Marks.ZONE
) -> str | None:
    """Return what is wrong with `answer`, or None when it is as planned.

    Where answers do not name their policy zone (`marks`), the canaries alone prove which zones are
    live, and of an answer only whether any policy made it.
    """
    names_none = marks in {Marks.AUTHORITATIVE, Marks.NONE}
    fits = _fits_some_zone if names_none else _fits
    passed = marks is Marks.MATCH and _may_have_passed(expectation, answer)
    if marks is Marks.NONE:  # nothing speaks against it but what it says
        answer = answer._replace(authoritative=expectation.action != PASSTHRU)
    if passed or fits(expectation, answer, sinkhole):
        return None
    planned = expectation.action or "not rewritten"
    asked = expectation.question
    return f"{asked.name} {asked.type}: planned {planned}, got: {answer.text()}"


def _fits(expectation: Expectation, answer: Answer, sinkhole: Sinkhole) -> bool:
    action, zones = expectation.action, expectation.zones
    if action is None:
        return answer.policy_zone not in zones
    if answer.policy_zone in zones[:-1]:
        return True
    if action.kind is Kind.PASSTHRU:
        return answer.policy_zone is None and not answer.truncated
    return _does(expectation, answer, sinkhole, by_policy=answer.policy_zone in zones)


def _may_have_passed(expectation: Expectation, answer: Answer) -> bool:
    """Tell whether the planned zone may have let the name through, which `answer` names."""
    return (
        expectation.action == PASSTHRU
        and answer.policy_zone == expectation.zones[-1]
        and not answer.truncated
        and not (answer.bare and answer.rcode in {"NOERROR", "NXDOMAIN"})
    )


def _fits_some_zone(expectation: Expectation, answer: Answer, sinkhole: Sinkhole) -> bool:
    action, zones = expectation.action, expectation.zones
    if action is None or (answer.authoritative and zones[:-1]):
        return True  # a zone behind, or one in front, may have made it
    if action.kind is Kind.PASSTHRU:
        return not answer.authoritative and not answer.truncated
    return _does(expectation, answer, sinkhole, by_policy=answer.authoritative)


def _does(  # noqa: PLR0911 - one case for each action
    expectation: Expectation, answer: Answer, sinkhole: Sinkhole, *, by_policy: bool
) -> bool:
    action = expectation.action or PASSTHRU
    match action.kind:
        case Kind.NXDOMAIN:
            return answer.rcode == "NXDOMAIN" and by_policy
        case Kind.NODATA:
            return answer.rcode == "NOERROR" and not answer.records and by_policy
        case Kind.DROP:
            return answer.rcode is None
        case Kind.TCP_ONLY:
            return answer.truncated
        case Kind.SINKHOLE:
            return answer.data("A") == [str(sinkhole.ipv4)]
        case Kind.CNAME:
            return answer.data("CNAME") == [_target(action, expectation.question)]
        case Kind.DATA:
            return answer.truncated or _has(answer, action, expectation.question.type)
    raise ValueError(f"{action} is no action on an answer")


def _has(answer: Answer, action: Action, kind: str) -> bool:
    told = (record.partition(" ") for record in action.data)
    return answer.data(kind) == sorted(data for each, _, data in told if each == kind)


def _target(action: Action, question: Question) -> str:
    """Return where a question is sent; a wildcard has the name asked for in its place."""
    target = str(action.target)
    return f"{question.name}{target[1:]}." if target.startswith("*.") else f"{target}."


def canaries(resolver: Resolver, zones: Iterable[ZoneEntry]) -> dict[str, Answer]:
    """Return for each policy zone what the resolver answers to the canary of its serial."""
    entries = [zone for zone in zones if zone.kind == "policy"]
    questions = [Question(canary_name(zone.origin, zone.serial), "TXT") for zone in entries]
    answers = resolver.ask(questions, _QUICK)
    return {zone.origin: answer for zone, answer in zip(entries, answers, strict=True)}


def _is_live(zone: ZoneEntry, answer: Answer) -> bool:
    return answer.data("TXT") == [f'"{zone.serial}"']


class _Seen(NamedTuple):
    """What shows which serial of a zone a resolver has."""

    live: bool
    """that of the zone"""
    told: str
    """for people"""
    serial: int | None = None
    """of a monitored zone"""


def _seen(resolver: Resolver, zones: Iterable[ZoneEntry]) -> dict[str, _Seen]:
    """Return what a resolver shows of each policy zone: its canary, or what it says it loaded."""
    entries = list(zones)
    answers = canaries(resolver, (zone for zone in entries if not zone.monitored))
    found = {
        zone.origin: _Seen(_is_live(zone, answer), f"its canary: {answer.text()}")
        for zone in entries
        if (answer := answers.get(zone.origin))
    }
    shadows = [zone for zone in entries if zone.monitored]
    serials = resolver.loaded([zone.origin for zone in shadows]) if shadows else {}
    for zone in shadows:
        serial = serials[zone.origin]
        told = f"loaded: {serial or 'nothing'}"
        found[zone.origin] = _Seen(serial == zone.serial, told, serial)
    return found


def _of(resolver: Resolver, zones: Sequence[ZoneEntry]) -> list[ZoneEntry]:
    """Return those of `zones` that the resolver is to serve."""
    own = set(resolver.policy([zone.origin for zone in zones]))
    return [zone for zone in zones if zone.origin in own]


def _own(
    resolver: Resolver, order: Sequence[str], expectations: Sequence[Expectation]
) -> list[Expectation]:
    """Return what of `expectations` is about the resolver, its zones in its own order.

    `order` are all policy zones in theirs.
    """
    own = resolver.policy(order)
    found = []
    for each in expectations:
        if not each.zones:
            if resolver.sinkholes:
                found.append(each)
        elif each.action is None:
            found.append(each._replace(zones=tuple(z for z in own if z in each.zones)))
        elif each.zones[-1] in own:
            upto = own.index(each.zones[-1]) + 1
            found.append(each._replace(zones=tuple(own[:upto])))
    return found


def serves(
    resolver: Resolver, zones: Sequence[ZoneEntry], *, patience: float = _ALIVE
) -> dict[str, bool]:
    """Return for each of the policy zones `zones` whether the resolver serves it as published.

    Of those that it is to serve. One that is silent is asked again for `patience` seconds. Raises
    `RpzctlError` when it answers nothing at all.
    """
    zones = _of(resolver, zones)
    seen = _seen(resolver, zones)
    live = {zone.origin: seen[zone.origin].live for zone in zones}
    if not any(live.values()):
        deadline = time.monotonic() + patience
        question = Question(canary_name("alive", 0), "TXT")
        while resolver.ask([question], _QUICK)[0].rcode is None:
            if time.monotonic() >= deadline:
                raise RpzctlError(
                    f"{resolver.title} does not answer",
                    fix="is it running, and are server and port in rpzctl.toml right?",
                )
    return live


def live_serials(
    resolver: Resolver,
    zones: Sequence[ZoneEntry],
    kept: Callable[[], Iterable[Manifest]],
    *,
    patience: float = _ALIVE,
) -> dict[str, int | None]:
    """Return for each policy zone which serial the resolver serves: as published, or an older one.

    Of those that it is to serve.
    The canaries of all generations that are kept are asked for; None: it answers none of them.
    `patience` as for `serves`. Raises `RpzctlError` when the resolver answers nothing at all.
    """
    zones = _of(resolver, zones)
    live = serves(resolver, zones, patience=patience)
    found: dict[str, int | None] = {zone.origin: None for zone in zones}
    found.update({zone.origin: zone.serial for zone in zones if live[zone.origin]})
    if all(live.values()):
        return found
    old = {
        (zone.origin, zone.serial): zone
        for manifest in kept()
        for zone in manifest.zones.values()
        if zone.origin in found and found[zone.origin] is None and zone.kind == "policy"
    }
    shadows = [zone.origin for zone in zones if zone.monitored and found[zone.origin] is None]
    found.update(resolver.loaded(shadows) if shadows else {})
    entries = [zone for zone in old.values() if found[zone.origin] is None]
    questions = [Question(canary_name(zone.origin, zone.serial), "TXT") for zone in entries]
    for zone, answer in zip(entries, resolver.ask(questions, _QUICK), strict=True):
        if _is_live(zone, answer):
            found[zone.origin] = zone.serial
    return found


def prove(
    resolver: Resolver,
    zones: Mapping[str, ZoneEntry],
    expectations: Sequence[Expectation],
    sinkhole: Sinkhole,
    *,
    order: Sequence[str],
    behind: int = 0,
    now: Callable[[], float] = time.monotonic,
) -> None:
    """Return when `zones` are live and the answers are as planned; raise `NotLive` otherwise.

    `order` are all policy zones in order. Of them and of `expectations` counts what the resolver is
    to serve. The time allowed grows with the rows of all zones, which are loaded one after the
    other, and with those that the resolver was told to load before (`behind`).
    """
    rows = behind + sum(zone.rows for zone in zones.values())
    limit = resolver.timeout + rows / _LARGE
    deadline = now() + limit
    waiting = {zone.origin: zone for zone in _of(resolver, list(zones.values()))}
    expectations = _own(resolver, order, expectations)
    while waiting:
        got = _seen(resolver, waiting.values())
        waiting = {o: zone for o, zone in waiting.items() if not got[o].live}
        if not waiting:
            break
        if now() >= deadline:
            told = [
                f"{zone.origin}: serial {zone.serial} has no effect after {limit:.0f} s "
                f"({got[zone.origin].told})"
                for zone in waiting.values()
            ]
            raise NotLive(
                f"{resolver.title} did not take the new policy",
                details=told,
                fix=resolver.advice,
            )
        time.sleep(_PAUSE)
    _sample(resolver, expectations, sinkhole, deadline, now)


def _sample(
    resolver: Resolver,
    expectations: Sequence[Expectation],
    sinkhole: Sinkhole,
    deadline: float,
    now: Callable[[], float],
) -> None:
    """Ask until all answers are as planned; sinkhole zones may load a moment after `reconfig`."""
    left = list(expectations)
    while left:
        answers = resolver.ask([e.question for e in left], _QUICK)
        judged = [
            (e, mismatch(e, answer, sinkhole, resolver.marks))
            for e, answer in zip(left, answers, strict=True)
        ]
        wrong = [fault for _, fault in judged if fault]
        left = [expectation for expectation, fault in judged if fault]
        if left and now() >= deadline:
            raise NotLive(
                f"{resolver.title} does not answer as planned",
                details=wrong,
                fix="does another zone or policy of its configuration speak of these names?",
            )
        if left:
            time.sleep(_PAUSE)
