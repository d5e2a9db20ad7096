"""One rule a line: how it is read, what is refused, and that all bad lines are told."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from rpzctl.errors import UsageFault
from rpzctl.names import Domain
from rpzctl.rpz import Action, Kind, Scope
from rpzctl.rule import Rule, Verb, parse_line
from rpzctl.rules import parse_text, read

EVIL = Domain("evil.example")
PATH = Path("policy/block.list")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("evil.example", Rule("block", EVIL)),
        ("  Evil.Example.  ", Rule("block", EVIL)),
        ("evil.example exact", Rule("block", EVIL, Scope.EXACT)),
        ("*.evil.example", Rule("block", EVIL, Scope.BELOW)),
        ("evil.example\taction=drop", Rule("block", EVIL, action=Action(Kind.DROP))),
        (
            "evil.example action=cname:garden.example",
            Rule("block", EVIL, action=Action(Kind.CNAME, Domain("garden.example"))),
        ),
        ("evil.example via=zone", Rule("block", EVIL, via="zone")),
        (
            "evil.example via=zone action=sinkhole",
            Rule("block", EVIL, via="zone", action=Action(Kind.SINKHOLE)),
        ),
        ("evil.example reason=C2", Rule("block", EVIL, reason="C2")),
        ('evil.example reason="C2 of case 7"', Rule("block", EVIL, reason="C2 of case 7")),
        (r'evil.example reason="say \"no\" \\ #1"', Rule("block", EVIL, reason=r'say "no" \ #1')),
        (r'evil.example reason="b\u00fccher"', Rule("block", EVIL, reason="b\u00fccher")),
        ("evil.example ticket=a=b", Rule("block", EVIL, ticket="a=b")),
        ("evil.example by=anna forced=yes", Rule("block", EVIL, by="anna", forced=True)),
        ("evil.example forced=no", Rule("block", EVIL)),
        (
            "evil.example expires=2026-12-31",
            Rule("block", EVIL, expires=datetime(2026, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ),
        (
            "evil.example at=2026-11-24T04:00:00+01:00",
            Rule("block", EVIL, at=datetime(2026, 11, 24, 3, 0, tzinfo=UTC)),
        ),
        ("evil.example # why not", Rule("block", EVIL)),
        ("evil.example#glued", Rule("block", EVIL)),
        ('evil.example reason="x" # it is "quoted" here', Rule("block", EVIL, reason="x")),
        ("b\u00fccher.example", Rule("block", Domain("xn--bcher-kva.example"))),
        ("", None),
        ("   ", None),
        ("# a comment", None),
        ("  # reason=x", None),
    ],
)
def test_a_line_is_read(line: str, expected: Rule | None) -> None:
    assert expected == parse_line(line, "block")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("evil example", "'example' is not one of action, via, reason"),
        ("a..example", "the name has an empty label"),
        ("192.0.2.1/24", "192.0.2.0/24 is the network around it"),
        ("*.192.0.2.1", "is an IP address"),
        ("192.0.2.1 exact", "'exact' and '\\*.' are for names"),
        ("evil.example trigger=ns-ip", "is not an address or a prefix"),
        ("192.0.2.1 trigger=nsdname", "is not a name"),
        ("evil.example trigger=x", "trigger is one of qname, response-ip"),
        ("192.0.2.1 via=zone", "is for a name"),
        ("$ORIGIN com.", r"the name has the character '\$'"),
        ('"evil.example"', "the name has the character"),
        ("*.evil.example exact", "contradict each other"),
        ("evil.example exact exact", "'exact' is not one of"),
        ("evil.example action=passthru", "'passthru' is not one of nxdomain"),
        ("evil.example action=", "action is empty"),
        ("evil.example colour=red", "'colour=red' is not one of action, via"),
        ("evil.example reason=a reason=b", "reason stands twice"),
        ('evil.example reason="open', "reason is empty|quotes of reason do not close"),
        (r'evil.example reason="\x41"', "quotes of reason do not close as in JSON"),
        (r'evil.example reason="a\u0007b"', "reason has a control character"),
        ('evil.example reason=""', "reason is empty"),
        ('evil.example reason="a"b', "'b' is not one of"),
        ("evil.example expires=soon", "expires=soon is no RFC 3339 time or date"),
        ("evil.example at=2026-13-01", "at=2026-13-01 is no RFC 3339 time or date"),
        ("evil.example expires=9999-12-31T23:59:59-05:00", "is no RFC 3339 time or date"),
        ("evil.example via=dns", "via is rpz or zone"),
        ("evil.example forced=maybe", "forced is yes or no"),
        ("evil.example exact via=zone", "always covers the name and all below"),
        ("evil.example via=zone action=drop", "has only the action sinkhole"),
    ],
)
def test_a_bad_line_is_refused_with_the_reason(line: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_line(line, "block")


@pytest.mark.parametrize("attribute", ["action=drop", "via=zone"])
def test_an_allow_rule_has_no_action(attribute: str) -> None:
    with pytest.raises(ValueError, match="is not one of reason, ticket, by, at, expires, forced"):
        parse_line(f"good.example {attribute}", "allow")


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        (Rule("block", EVIL, via="rpz", forced=False), "evil.example"),
        (Rule("allow", EVIL, Scope.EXACT), "evil.example exact"),
        (Rule("block", EVIL, Scope.BELOW, reason="C2"), "*.evil.example reason=C2"),
        (Rule("block", EVIL, reason="of case 7"), 'evil.example reason="of case 7"'),
        (Rule("block", EVIL, reason="case#7"), 'evil.example reason="case#7"'),
        (Rule("block", EVIL, reason='"x'), r'evil.example reason="\"x"'),
        (
            Rule(
                "block",
                EVIL,
                action=Action(Kind.DROP),
                ticket="INC-7",
                by="anna",
                at=datetime(2026, 11, 24, 3, tzinfo=UTC),
                forced=True,
            ),
            "evil.example action=drop ticket=INC-7 by=anna at=2026-11-24T03:00:00Z forced=yes",
        ),
    ],
)
def test_a_rule_is_written_in_one_way(rule: Rule, expected: str) -> None:
    assert expected == rule.line()


def test_all_bad_lines_are_told_with_file_line_and_reason() -> None:
    text = "good.example\n192.0.2.1/24\n\n# fine\nevil.example colour=red\nevil.example\n.x\n"
    with pytest.raises(UsageFault) as caught:
        parse_text(text, PATH, "block")
    assert caught.value.message == "policy/block.list has 3 bad lines"
    address = "192.0.2.1/24 has bits set behind its prefix; 192.0.2.0/24 is the network around it"
    keys = "action, via, reason, ticket, by, at, expires, forced, trigger"
    colour = f"'colour=red' is not one of {keys} with =VALUE: evil.example colour=red"
    empty = "the name has an empty label (two dots together, or a dot in front)"
    assert [
        f"policy/block.list:2: {address}: 192.0.2.1/24",
        f"policy/block.list:5: {colour}",
        f"policy/block.list:7: {empty}: .x",
    ] == list(caught.value.details)


def test_one_bad_line_is_counted_as_one_and_shown_printable() -> None:
    with pytest.raises(UsageFault) as caught:
        parse_text("evil\x1b[31m.example\n", PATH, "block")
    assert caught.value.message == "policy/block.list has 1 bad line"
    assert all(line.isprintable() for line in caught.value.details)


def test_a_missing_file_has_no_rules(tmp_path: Path) -> None:
    assert {} == read(tmp_path / "policy" / "block.list", "block").rules


def test_a_file_that_is_no_text_is_told_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "block.list"
    path.write_bytes(b"a.example\nb.example\nc\xff.example\n")
    with pytest.raises(UsageFault, match=rf"{path}:3: not UTF-8 text"):
        read(path, "block")


def test_a_folder_in_the_place_of_a_file_is_a_usage_fault(tmp_path: Path) -> None:
    with pytest.raises(UsageFault, match="cannot read"):
        read(tmp_path, "block")


@pytest.mark.parametrize("verb", ["block", "allow"])
def test_windows_line_ends_and_byte_order_mark_are_read(tmp_path: Path, verb: Verb) -> None:
    path = tmp_path / "rules.list"
    path.write_bytes(
        b'\xef\xbb\xbf# head\r\na.example\r\nb.example reason="x y"\r\n\r\n*.c.example'
    )
    rules = read(path, verb).rules.values()
    assert [
        Rule(verb, Domain("a.example")),
        Rule(verb, Domain("b.example"), reason="x y"),
        Rule(verb, Domain("c.example"), Scope.BELOW),
    ] == list(rules)


def test_where_tells_the_last_line_of_a_rule() -> None:
    file = parse_text("# head\na.example\nb.example\na.example\n", PATH, "block")
    assert "policy/block.list:4" == file.where(Rule("block", Domain("a.example")))
    assert "policy/block.list" == file.where(Rule("block", Domain("c.example")))


def test_of_two_lines_with_one_subject_the_later_counts() -> None:
    file = parse_text(
        "a.example reason=one\na.example exact\na.example reason=two\n", PATH, "block"
    )
    assert ["two", None] == [rule.reason for rule in file.rules.values()]
