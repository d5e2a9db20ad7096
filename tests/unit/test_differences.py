"""Each documented difference of a resolver, at the smallest query that shows it.

That the real resolvers do so is what tests/differential finds out.
"""

import pytest

from rpzctl.differences import DIFFERENCES, is_resolved, verdict
from rpzctl.evaluate import Match, Query
from rpzctl.names import Domain
from rpzctl.triggers import Trigger

QUERY = Query(Domain("a.example"))
PASS, NX, DROP = "CNAME rpz-passthru.", "CNAME .", "CNAME rpz-drop."


def match(zone: str, trigger: Trigger, record: str, owner: str = "x") -> Match:
    return Match(zone, trigger, owner, (record,))


ANSWER_PASSES = (
    match("first", Trigger.RESPONSE_IP, PASS),
    match("second", Trigger.QNAME, NX),
)
CLIENT_PASSES = (
    match("first", Trigger.CLIENT_IP, PASS),
    match("first", Trigger.QNAME, NX),
)
REDIRECT = (match("first", Trigger.CLIENT_IP, "CNAME garden.example."),)
BEHIND_PASSES = (
    match("first", Trigger.NSIP, NX),
    match("second", Trigger.CLIENT_IP, PASS),
)


@pytest.mark.parametrize(
    ("found", "bind", "others"),
    [
        (ANSWER_PASSES, "passes", {"unbound": "nxdomain", "pdns-recursor": "nxdomain"}),
        (CLIENT_PASSES, "passes", {"unbound": "nxdomain", "pdns-recursor": "passes"}),
        (REDIRECT, "data", {"unbound": "nodata", "pdns-recursor": "data"}),
        (BEHIND_PASSES, "nxdomain", {"unbound": "passes", "pdns-recursor": "nxdomain"}),
        ((), "not rewritten", {"unbound": "not rewritten", "pdns-recursor": "not rewritten"}),
    ],
)
def test_what_others_do_with_the_same_triggers(
    found: tuple[Match, ...], bind: str, others: dict[str, str]
) -> None:
    assert verdict("bind", QUERY, (), found) == (verdict("knot", QUERY, (), found)[0], [])
    assert verdict("bind", QUERY, (), found)[0].outcome == bind
    for kind, outcome in others.items():
        told, reasons = verdict(kind, QUERY, (), found)
        assert told.outcome == outcome
        assert set(reasons) <= {each.id for each in DIFFERENCES[kind]}
        assert bool(reasons) >= (outcome != bind)


@pytest.mark.parametrize(
    ("found", "kind", "first", "cached"),
    [
        ((match("first", Trigger.RESPONSE_IP, DROP),), "unbound", "drop", "not rewritten"),
        ((match("first", Trigger.RESPONSE_IP, DROP),), "pdns-recursor", "drop", "drop"),
        (
            (match("first", Trigger.NSIP, PASS), match("second", Trigger.RESPONSE_IP, NX)),
            "pdns-recursor",
            "passes",
            "nxdomain",
        ),
        (
            (match("first", Trigger.QNAME, PASS), match("second", Trigger.RESPONSE_IP, NX)),
            "unbound",
            "passes",
            "nxdomain",
        ),
        (
            (match("first", Trigger.CLIENT_IP, PASS), match("second", Trigger.QNAME, NX)),
            "unbound",
            "passes",
            "passes",
        ),
        ((match("first", Trigger.NSDNAME, NX),), "unbound", "nxdomain", "not rewritten"),
        ((match("first", Trigger.NSDNAME, NX),), "bind", "nxdomain", "nxdomain"),
    ],
)
def test_what_comes_of_an_answer_that_is_in_the_cache(
    found: tuple[Match, ...], kind: str, first: str, cached: str
) -> None:
    assert verdict(kind, QUERY, (), found)[0].outcome == first
    told, reasons = verdict(kind, QUERY, (), found, cached=True)
    assert told.outcome == cached
    assert bool(reasons) == (first != cached)


def test_only_what_is_resolved_is_in_the_cache_afterwards() -> None:
    def resolved(*found: Match) -> bool:
        return is_resolved(verdict("unbound", QUERY, (), found)[0])

    assert resolved()
    assert resolved(match("first", Trigger.QNAME, PASS))
    assert resolved(match("first", Trigger.RESPONSE_IP, DROP))
    assert not resolved(match("first", Trigger.QNAME, NX))
    assert not resolved(match("first", Trigger.NSIP, NX))


def test_each_difference_has_an_id_of_its_own_and_words() -> None:
    for kind, rows in DIFFERENCES.items():
        assert len(rows) == len({each.id for each in rows}), kind
        for each in rows:
            assert each.needs
            assert each.told
