"""Where other resolvers than BIND come to another answer: each difference a row, with its terms.

`rpzctl.evaluate` says what BIND does. Another kind finds the same triggers met, takes them in
another order, and makes something else of some. tests/differential holds these rows against the
real daemons: an answer that is not BIND's has to be the one that they say, and each row has a
smallest policy and query that show it (tests/differential/cases.py).
"""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from rpzctl.evaluate import Match, Query, Verdict, decided
from rpzctl.triggers import Trigger

_SERVERS = frozenset({Trigger.NSDNAME, Trigger.NSIP})
Change = Callable[[Sequence[Match], Sequence[str]], list[Match]]
"""From the triggers in the order in which BIND takes them to those that count, in theirs; given
also the policy zones in order."""


class Difference(NamedTuple):
    """What a kind does otherwise than BIND with the triggers that a query meets."""

    id: str
    needs: str
    """for people: what a policy has that it bites"""
    told: str
    """for people: what happens instead"""
    change: Change | None
    """None: it cannot be told from the triggers that one query meets"""
    cached: bool = False
    """only where the true answer is in the resolver's cache"""


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


def _without_servers(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    return [match for match in matches if match.trigger not in _SERVERS]


def _answers_alone_after_a_pass(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    answers = [match for match in matches if match.trigger is Trigger.RESPONSE_IP]
    return answers if answers and matches[0].outcome == "passes" else list(matches)


def _answers_neither_dropped_nor_cut(matches: Sequence[Match], _: Sequence[str]) -> list[Match]:
    first = matches[0] if matches else None
    if first and first.trigger is Trigger.RESPONSE_IP and first.outcome in {"drop", "tcp-only"}:
        return []
    return list(matches)


_CACHED_SERVERS = Difference(
    "cached-servers",
    "a rule on name servers (nsdname, ns-ip), and the true answer in the cache: from before the "
    "rule, or because another client, or a name server that passes, let it be resolved",
    "what is in the cache is given: rules on name servers are asked only while a name is resolved, "
    "those that pass included",
    _without_servers,
    cached=True,
)
_GAPS = Difference(
    "gaps",
    "*.NAME, a rule on a name two or more labels below, and none on the names between",
    "*.NAME covers the names between, too; rpzctl writes rules for them, so that nothing depends "
    "on it",
    None,
)
DIFFERENCES: Mapping[str, tuple[Difference, ...]] = MappingProxyType(
    {
        "bind": (),
        "unbound": (
            Difference(
                "order",
                "rules on addresses in answers or on name servers in a zone, and others on clients "
                "or names in one behind it; or both of the former",
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
                "a client that passes, and a rule on names in the same zone",
                "the rule on names counts: a client passes later zones alone",
                _client_passes_only_later_zones,
            ),
            Difference(
                "redirects",
                "a redirect (cname) by a rule on clients or name servers, or local data by one on "
                "all name servers below a name (*.NAME)",
                "an empty answer; for a redirect by the name of a name server a CNAME that is not "
                "followed",
                _no_redirects,
            ),
            Difference(
                "servers-tcp-only",
                "tcp-only by a rule on name servers",
                "the first query that meets it ends Unbound (segmentation fault); rpzctl does not "
                "publish such a rule for it",
                None,
            ),
            _CACHED_SERVERS,
            Difference(
                "cached-passes",
                "any rule that passes, a block of addresses in answers behind it (for name servers "
                "also in front), and the true answer in the cache",
                "the block counts: of an answer from the cache only rules on its addresses that "
                "pass let it through",
                _answers_alone_after_a_pass,
                cached=True,
            ),
            Difference(
                "cached-answers",
                "drop or tcp-only by a rule on addresses in answers",
                "only the first who asks meets it; then the true answer is given from the cache",
                _answers_neither_dropped_nor_cut,
                cached=True,
            ),
            _GAPS,
            Difference(
                "shared",
                "clients for whom policy means different answers to one question",
                "those who ask while the first one's answer is sought are given that one",
                None,
            ),
        ),
        "pdns-recursor": (
            Difference(
                "order",
                "rules of two sorts in two zones, of which that in front comes later in this order",
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
            _CACHED_SERVERS,
            Difference(
                "passes",
                "a rule that passes, and in a zone in front of it one that comes later in that "
                "order",
                "what passes by one zone does not pass rules of zones in front of it",
                _passes_later_zones_alone,
            ),
            _GAPS,
        ),
        "knot": (_GAPS,),
    }
)


def verdict(
    kind: str,
    query: Query,
    sinkholes: Sequence[str],
    found: Sequence[Match],
    *,
    cached: bool = False,
) -> tuple[Verdict, list[str]]:
    """Return what a kind of resolver does with `query`, and the differences by which it does so.

    `found` are the triggers that it meets, in BIND's order; `cached` says whether the true answer
    is in the resolver's cache.
    """
    matches, zones = list(found), list(dict.fromkeys(match.zone for match in found))
    reasons: list[str] = []
    for each in DIFFERENCES[kind]:
        if each.change is None or (each.cached and not cached):
            continue
        after = each.change(matches, zones)
        if after[:1] != matches[:1]:
            reasons.append(each.id)
        matches = after
    return decided(query, sinkholes, matches), reasons


def is_resolved(told: Verdict) -> bool:
    """Tell whether the true answer is sought, and so in the cache afterwards."""
    by_answer = told.match is not None and told.match.trigger is Trigger.RESPONSE_IP
    return by_answer or not told.blocks
