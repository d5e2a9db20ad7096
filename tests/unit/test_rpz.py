"""Actions, owners, lengths, and the grammar of one record."""

import pytest

from rpzctl.names import Domain
from rpzctl.rpz import (
    RECORD,
    RECORDS,
    Action,
    Kind,
    Row,
    Scope,
    longest_name,
    owners,
    parse_action,
    too_long,
)

EVIL = Domain("evil.example")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("nxdomain", Action(Kind.NXDOMAIN)),
        (" nodata ", Action(Kind.NODATA)),
        ("drop", Action(Kind.DROP)),
        ("tcp-only", Action(Kind.TCP_ONLY)),
        ("sinkhole", Action(Kind.SINKHOLE)),
        ("cname:Garden.Example.", Action(Kind.CNAME, Domain("garden.example"))),
        ("cname:b\u00fccher.example", Action(Kind.CNAME, Domain("xn--bcher-kva.example"))),
    ],
)
def test_an_action_is_read_and_reads_back(text: str, expected: Action) -> None:
    assert expected == parse_action(text)
    assert expected == parse_action(str(expected))


@pytest.mark.parametrize(
    "text",
    ["", "block", "passthru", "NXDOMAIN", "cname", "cname:", "cname:a b", "drop:x", "nxdomain:",
     "cname:192.0.2.1", "cname:*.*.example", "nodata nxdomain"],
)  # fmt: skip
def test_what_is_no_blocking_action_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not one of|the target of cname"):
        parse_action(text)


def test_a_refused_action_tells_the_choices() -> None:
    with pytest.raises(ValueError, match="nxdomain, nodata, drop, tcp-only, sinkhole, cname:TARGE"):
        parse_action("blok")


@pytest.mark.parametrize(
    ("scope", "expected", "shown"),
    [
        (Scope.SUBTREE, ["evil.example", "*.evil.example"], "evil.example nodata"),
        (Scope.EXACT, ["evil.example"], "evil.example nodata (exact)"),
        (Scope.BELOW, ["*.evil.example"], "*.evil.example nodata"),
    ],
)
def test_each_scope_has_its_owners(scope: Scope, expected: list[str], shown: str) -> None:
    assert expected == owners("evil.example", scope)
    assert shown == Row(EVIL, scope, Action(Kind.NODATA)).text()


@pytest.mark.parametrize("scope", list(Scope))
@pytest.mark.parametrize("origin", ["local.rpz", "rpz", "a-longer-group.policy.example.net"])
def test_the_longest_owner_with_its_origin_is_253_octets(scope: Scope, origin: str) -> None:
    limit = longest_name(origin, scope)
    fits = Domain(("a" * 49 + ".") * 6)[-limit:].lstrip(".")
    fits = Domain("a" * (limit - len(fits)) + fits)
    assert limit == len(fits)
    longest = max(len(f"{owner}.{origin}") for owner in owners(fits, scope))
    assert longest == 253
    assert [] == too_long([(fits, scope)], origin)
    assert ["b" + fits] == too_long([(Domain("b" + fits), scope)], origin)


@pytest.mark.parametrize(
    "line",
    [
        "evil.example CNAME .",
        "*.evil.example CNAME *.",
        "evil.example CNAME rpz-passthru.",
        "evil.example CNAME rpz-drop.",
        "evil.example CNAME rpz-tcp-only.",
        "evil.example CNAME garden.example.",
        "evil.example 60 IN CNAME *.garden.example.",
        "evil.example 60 A 127.0.0.1",
        "evil.example IN AAAA ::1",
        r'evil.example 60 TXT "blocked \"here\"\; ask"',
        "evil.example 60 MX 10 mail.garden.example.",
        'evil.example CAA 0 issue "ca.example; policy=ev"',
        r'evil.example HINFO "a \" b; c" "d"',
    ],
)
def test_a_record_of_ours_has_the_form_of_a_record(line: str) -> None:
    assert RECORD.match(line)
    assert RECORDS.fullmatch(f"{line}\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "evil.example",
        "$ORIGIN com.",
        "$INCLUDE /etc/passwd",
        "$TTL 5",
        "; comment",
        "@ CNAME .",
        " CNAME .",
        "\tA 127.0.0.1",
        "* CNAME .",
        "evil.example. CNAME .",
        "a.*.evil.example CNAME .",
        "Evil.example CNAME .",
        "evil.example CNAME rpz-passthru",
        "evil.example CNAME rpz-passthru. ; comment",
        "evil.example CNAME . other",
        "evil.example CH CNAME .",
        "evil.example\tCNAME .",
        "evil.example CNAME .\n",
        'evil.example TXT "a\nb"',
        'evil.example TXT "b\u00fccher"',
        "evil.example A 127.0.0.1 x",
        "evil.example MX 10 mail.example. ; comment",
        'evil.example CAA 0 issue "open; x',
    ],
)
def test_what_could_be_a_directive_or_another_record_is_no_record(line: str) -> None:
    assert not RECORD.match(line)
    assert not RECORDS.fullmatch(f"evil.example CNAME .\n{line}\n")


def test_two_records_are_not_one() -> None:
    assert not RECORD.match("evil.example CNAME .\nx.example CNAME rpz-passthru.")
