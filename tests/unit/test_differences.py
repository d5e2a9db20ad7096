"""Each documented difference of a resolver, at the smallest query that shows it.

That the real resolvers do so is what tests/differential finds out.
"""

import pytest

from rpzctl.differences import DIFFERENCES, at_times, verdict
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


def test_what_is_so_at_times() -> None:
    found: tuple[Match, ...] = (match("first", Trigger.RESPONSE_IP, DROP),)
    assert verdict("unbound", QUERY, (), found)[0].outcome == "drop"
    assert ("answers-of-cache", "not rewritten") in [
        (reason, told.outcome) for reason, told in at_times("unbound", QUERY, (), found)
    ]
    found = (match("first", Trigger.NSIP, PASS), match("second", Trigger.RESPONSE_IP, NX))
    for kind in ("unbound", "pdns-recursor"):
        assert verdict(kind, QUERY, (), found)[0].outcome == "passes"
        told_at_times = {reason: told.outcome for reason, told in at_times(kind, QUERY, (), found)}
        assert told_at_times["passes-no-answers"] == "nxdomain"
    assert list(at_times("bind", QUERY, (), found)) == []
