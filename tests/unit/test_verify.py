"""What an answer must be for the plan to have come true."""

from ipaddress import IPv4Address

import pytest

from rpzctl.config import Sinkhole
from rpzctl.names import Domain
from rpzctl.render import canary_name
from rpzctl.resolvers import Answer, Question
from rpzctl.resolvers.verify import Expectation, expected, mismatch
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope, parse_action

SINKHOLE = Sinkhole(ipv4=IPv4Address("192.0.2.7"))
ASKED = Question("evil.example")
LOCAL, ADS = "local.rpz", "ads.rpz"
A = (("A", "198.51.100.1"),)
SUNK = (("A", "192.0.2.7"),)
TO_GARDEN = (("CNAME", "garden.example."), ("A", "198.51.100.1"))


def answer(
    rcode: str | None,
    records: tuple[tuple[str, str], ...] = (),
    zone: str | None = None,
    *,
    truncated: bool = False,
) -> Answer:
    return Answer(ASKED, rcode, records, truncated, zone)


NOTHING = answer(None)
TABLE: list[tuple[str | None, tuple[str, ...], Answer, bool]] = [
    ("nxdomain", (LOCAL,), answer("NXDOMAIN", zone=LOCAL), True),
    ("nxdomain", (LOCAL,), answer("NXDOMAIN"), False),
    ("nxdomain", (LOCAL,), answer("NXDOMAIN", zone=ADS), False),
    ("nxdomain", (LOCAL,), answer("NOERROR", zone=LOCAL), False),
    ("nxdomain", (LOCAL,), answer("NOERROR", A), False),
    ("nxdomain", (LOCAL,), answer("SERVFAIL"), False),
    ("nxdomain", (LOCAL,), NOTHING, False),
    ("nxdomain", (LOCAL, ADS), answer("NXDOMAIN", zone=ADS), True),
    ("nxdomain", (LOCAL, ADS), answer("NOERROR", SUNK, zone=LOCAL), True),
    ("nxdomain", (LOCAL, ADS), answer("NOERROR", A), False),
    ("nodata", (LOCAL,), answer("NOERROR", zone=LOCAL), True),
    ("nodata", (LOCAL,), answer("NOERROR"), False),
    ("nodata", (LOCAL,), answer("NOERROR", A, zone=LOCAL), False),
    ("nodata", (LOCAL,), answer("NXDOMAIN", zone=LOCAL), False),
    ("drop", (LOCAL,), NOTHING, True),
    ("drop", (LOCAL,), answer("NXDOMAIN", zone=LOCAL), False),
    ("drop", (LOCAL,), answer("SERVFAIL"), False),
    ("tcp-only", (LOCAL,), answer("NOERROR", truncated=True), True),
    ("tcp-only", (LOCAL,), answer("NOERROR", A), False),
    ("tcp-only", (LOCAL,), NOTHING, False),
    ("sinkhole", (LOCAL,), answer("NOERROR", SUNK, zone=LOCAL), True),
    ("sinkhole", (), answer("NOERROR", SUNK), True),
    ("sinkhole", (LOCAL,), answer("NOERROR", A, zone=LOCAL), False),
    ("sinkhole", (LOCAL,), answer("NOERROR", (*SUNK, *A), zone=LOCAL), False),
    ("sinkhole", (LOCAL,), NOTHING, False),
    ("cname:garden.example", (LOCAL,), answer("NOERROR", TO_GARDEN, zone=LOCAL), True),
    ("cname:garden.example", (LOCAL,), answer("NOERROR", A, zone=LOCAL), False),
    ("cname:other.example", (LOCAL,), answer("NOERROR", TO_GARDEN, zone=LOCAL), False),
    ("passthru", (LOCAL,), answer("NOERROR", A), True),
    ("passthru", (LOCAL,), answer("NXDOMAIN"), True),
    ("passthru", (LOCAL,), answer("SERVFAIL"), True),
    ("passthru", (LOCAL,), answer("NXDOMAIN", zone=ADS), False),
    ("passthru", (LOCAL,), answer("NOERROR", truncated=True), False),
    (None, (LOCAL,), answer("NOERROR", A), True),
    (None, (LOCAL,), NOTHING, True),
    (None, (LOCAL,), answer("NXDOMAIN", zone=ADS), True),
    (None, (LOCAL,), answer("NXDOMAIN", zone=LOCAL), False),
]


@pytest.mark.parametrize(("action", "zones", "got", "fits"), TABLE)
def test_an_answer_is_as_planned_or_told(
    action: str | None, zones: tuple[str, ...], got: Answer, fits: bool
) -> None:
    planned = PASSTHRU if action == "passthru" else parse_action(action) if action else None
    fault = mismatch(Expectation(ASKED, planned, zones), got, SINKHOLE)
    assert fits == (fault is None), fault
    if fault is not None:
        assert fault.startswith("evil.example A: planned ")
        assert fault.endswith(f"got: {got.text()}")


def test_a_name_that_passes_may_go_unanswered_for_the_internet_may_be_slow() -> None:
    assert mismatch(Expectation(ASKED, PASSTHRU, (LOCAL,)), NOTHING, SINKHOLE) is None


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (Row(Domain("evil.example"), Scope.EXACT, PASSTHRU), ["evil.example"]),
        (Row(Domain("evil.example"), Scope.BELOW, PASSTHRU), ["rpzctl-probe.evil.example"]),
        (
            Row(Domain("evil.example"), Scope.SUBTREE, PASSTHRU),
            ["evil.example", "rpzctl-probe.evil.example"],
        ),
    ],
)
def test_a_row_is_asked_about_in_its_scope(row: Row, names: list[str]) -> None:
    found = expected(row, [LOCAL, ADS])
    assert names == [each.question.name for each in found]
    assert {(PASSTHRU, (LOCAL, ADS))} == {(each.action, each.zones) for each in found}


def test_no_name_is_asked_about_that_is_too_long_to_be_one() -> None:
    name = Domain(".".join(["a" * 60] * 4))
    found = expected(Row(name, Scope.SUBTREE, Action(Kind.DROP)), [LOCAL])
    assert [name] == [each.question.name for each in found]


def test_a_redirection_is_asked_for_by_its_type() -> None:
    row = Row(Domain("evil.example"), Scope.EXACT, parse_action("cname:garden.example"))
    assert [Question("evil.example", "CNAME")] == [each.question for each in expected(row, [])]


def test_a_canary_is_new_with_each_serial_and_each_zone() -> None:
    assert canary_name(LOCAL, 42) == "s42.local-rpz.rpzctl-canary.invalid"
    names = [canary_name(zone, serial) for zone in (LOCAL, ADS) for serial in (42, 43)]
    assert len(set(names)) == len(names)
