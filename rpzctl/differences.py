"""Where other resolvers than BIND come to another answer: each difference a row, with its terms.

`rpzctl.evaluate` says what BIND does. Another kind finds the same triggers met, takes them in
another order, and makes something else of some. tests/differential holds these rows against the
real daemons: an answer that is not BIND's has to be the one that they say.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rpzctl.evaluate import Match, Query, Verdict, decided
from rpzctl.triggers import Trigger

_SERVERS = frozenset({Trigger.NSDNAME, Trigger.NSIP})
Phases = tuple[frozenset[Trigger], ...]


class Difference(NamedTuple):
    """What a kind does otherwise than BIND with the triggers that a query meets."""

    id: str
    told: str
    """for people: what happens instead"""
    change: "Change"
    """from the triggers in the order in which BIND takes them to those that count, in theirs"""
    sometimes: bool = False
    """it is so at times; else always"""


Change = Callable[[Sequence[Match], Sequence[str]], list[Match]]
"""given also the policy zones in order"""


def _as_they_are(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    return list(matches)


def _in_phases(*phases: frozenset[Trigger]) -> Change:
    """Let the triggers of all zones count in these phases, each in the order of the zones."""
    place = {trigger: number for number, phase in enumerate(phases) for trigger in phase}
    return lambda matches, _: sorted(matches, key=lambda match: place[match.trigger])


def _passes_later_zones_alone(matches: Sequence[Match], zones: Sequence[str]) -> list[Match]:
    passing: list[Match] = []
    for match in matches:
        if passing and zones.index(match.zone) >= zones.index(passing[-1].zone):
            continue
        if match.outcome != "passes":
            return [match]
        passing.append(match)
    return passing[:1]


def _client_passes_only_later_zones(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    named = {match.zone for match in matches if match.trigger is Trigger.QNAME}
    return [
        match
        for match in matches
        if not (
            match.trigger is Trigger.CLIENT_IP and match.outcome == "passes" and match.zone in named
        )
    ]


def _passes_no_answers(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    answers = [match for match in matches if match.trigger is Trigger.RESPONSE_IP]
    passing = _SERVERS | {Trigger.CLIENT_IP}
    if answers and matches[0].outcome == "passes" and matches[0].trigger in passing:
        return answers
    return list(matches)


def _answers_of_cache(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    return [
        match
        for match in matches
        if match.trigger is not Trigger.RESPONSE_IP or match.outcome not in {"drop", "tcp-only"}
    ]


def _no_redirects(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    """Let what such rules would answer be an empty answer, but for one name of a name server."""
    return [
        match._replace(records=("CNAME *.",)) if _is_left_out(match) else match for match in matches
    ]


def _is_left_out(match: Match) -> bool:
    if match.outcome != "data":
        return False
    if match.trigger is Trigger.NSDNAME:
        return match.owner.startswith("*.")
    redirects = match.records[0].startswith("CNAME ")
    return redirects and match.trigger in {Trigger.CLIENT_IP, Trigger.NSIP}


SHARED = "shared"
FIRST = "first-answer"
_SHARED = Difference(
    SHARED,
    "clients who ask for one name at the same moment may be given one answer, though policy "
    "means others for them",
    _as_they_are,
    sometimes=True,
)
_PASSES_NO_ANSWERS = Difference(
    "passes-no-answers",
    "what passes by its client or name server does not pass rules on addresses in answers",
    _passes_no_answers,
    sometimes=True,
)
DIFFERENCES: Mapping[str, tuple[Difference, ...]] = MappingProxyType(
    {
        "bind": (),
        "unbound": (
            Difference(
                "order",
                "clients and names of all zones come before name servers of any zone, and those "
                "before addresses in answers, whichever zone stands in front",
                _in_phases(
                    frozenset({Trigger.CLIENT_IP, Trigger.QNAME}),
                    _SERVERS,
                    frozenset({Trigger.RESPONSE_IP}),
                ),
            ),
            Difference(
                "client-passes",
                "a client that passes does not pass rules on names in the same zone",
                _client_passes_only_later_zones,
            ),
            Difference(
                "redirects",
                "a redirect (cname) by a rule on clients or name servers is an empty answer, and "
                "so is local data by one on all name servers below a name (*.NAME); a redirect by "
                "one on the name of a name server is a CNAME that is not followed",
                _no_redirects,
            ),
            _PASSES_NO_ANSWERS,
            Difference(
                "answers-of-cache",
                "an answer of the cache is given, though a rule on addresses in answers says "
                "drop or tcp-only",
                _answers_of_cache,
                sometimes=True,
            ),
            Difference(
                "servers-tcp-only",
                "what meets a rule on name servers with tcp-only may not be answered at all",
                _as_they_are,
                sometimes=True,
            ),
            _SHARED,
        ),
        "pdns-recursor": (
            Difference(
                "order",
                "clients of all zones come first, then names, names of name servers, their "
                "addresses, and addresses in answers, whichever zone stands in front",
                _in_phases(
                    frozenset({Trigger.CLIENT_IP}),
                    frozenset({Trigger.QNAME}),
                    frozenset({Trigger.NSDNAME}),
                    frozenset({Trigger.NSIP}),
                    frozenset({Trigger.RESPONSE_IP}),
                ),
            ),
            _PASSES_NO_ANSWERS,
            Difference(
                "passes",
                "what passes by one zone does not pass rules of zones in front of it that come "
                "later in that order",
                _passes_later_zones_alone,
            ),
            _SHARED,
        ),
        "knot": (
            Difference(
                FIRST,
                "the first who asks for the very name of a domain may get an empty answer",
                _as_they_are,
                sometimes=True,
            ),
        ),
    }
)


def verdict(
    kind: str, query: Query, sinkholes: Sequence[str], found: Sequence[Match]
) -> tuple[Verdict, list[str]]:
    """Return what a kind of resolver does with `query`, and the differences by which it does so.

    `found` are the triggers that it meets, in BIND's order.
    """
    matches, zones = list(found), list(dict.fromkeys(match.zone for match in found))
    reasons: list[str] = []
    for each in DIFFERENCES[kind]:
        after = list(matches) if each.sometimes else each.change(matches, zones)
        if after[:1] != matches[:1]:
            reasons.append(each.id)
        matches = after
    return decided(query, sinkholes, matches), reasons


def at_times(
    kind: str, query: Query, sinkholes: Sequence[str], found: Sequence[Match]
) -> Iterator[tuple[str, Verdict]]:
    """Give what a kind does at times with `query` instead, and by which difference."""
    zones = list(dict.fromkeys(match.zone for match in found))
    for odd in (each for each in DIFFERENCES[kind] if each.sometimes):
        matches = list(found)
        for each in DIFFERENCES[kind]:
            if not each.sometimes or each is odd:
                matches = each.change(matches, zones)
        yield odd.id, decided(query, sinkholes, matches)
