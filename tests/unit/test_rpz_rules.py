"""Rules of policy zones as text, each with its action; what says nothing is a reject."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rpzctl.formats import rpz_rules
from rpzctl.rpz import Row


def said(text: str) -> list[str]:
    """Return the rules of a zone as lines for people."""
    found = rpz_rules.rules(text.encode())
    assert found.whole
    return [Row(*each).text() for each in found.said]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("evil.example CNAME .", "evil.example nxdomain (exact)"),
        ("EVIL.example. 60 IN CNAME .", None),
        ("$TTL\t60", None),
        ("*.evil.example IN CNAME *.", "*.evil.example nodata"),
        ("evil.example CNAME evil.example.", "evil.example passthru (exact)"),
        ("www.evil.example CNAME www.evil.", "www.evil.example cname:www.evil (exact)"),
        ("32.1.2.0.192.rpz-ip CNAME 32.1.2.0.192.", "response-ip 192.0.2.1 passthru"),
        ("128.1.zz.db8.2001.rpz-nsip CNAME .", "ns-ip 2001:db8::1 nxdomain"),
        ("ns.evil.example.rpz-nsdname CNAME rpz-drop.", "nsdname ns.evil.example drop"),
        ("24.0.2.0.192.rpz-client-ip CNAME rpz-tcp-only.", "client-ip 192.0.2.0/24 tcp-only"),
        ('x.example TXT "a; b" "c"', 'x.example data:TXT "a; b" "c" (exact)'),
        ("x.example MX 10 mail.example.", "x.example data:MX 10 mail.example. (exact)"),
    ],
)
def test_a_line_is_a_rule(line: str, told: str | None) -> None:
    assert said(line) == ([told] if told else [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("evil.example CNAME rpz-passthru", "without its final dot"),
        ("evil.example CNAME", "without its final dot"),
        ("$INCLUDE /etc/passwd", "directive"),
        ("$ORIGIN com.", "directive"),
        ("evil.example NAPTR", "NAPTR"),
        ("evil.example NS ns.example.", None),
        ("999.1.2.0.192.rpz-ip CNAME .", "no address"),
        ("*.32.1.2.0.192.rpz-ip CNAME .", "no address"),
        ("a_b..example CNAME .", "the owner"),
        ("evil.example A 192.0.2.1 192.0.2.2", "A 192.0.2.1"),
        ("evil.example CNAME bad..target.", "the target"),
    ],
)
def test_a_line_that_says_nothing_is_told(line: str, reason: str | None) -> None:
    found = rpz_rules.rules(f"good.example CNAME .\n{line}\n".encode())
    assert len(found.said) == 1
    assert [each.line for each in found.rejects] == [2] * bool(reason)
    assert all(reason and reason in each.reason + each.text for each in found.rejects)


def test_owners_are_inherited_united_and_held_against_each_other() -> None:
    text = 'x.example A 192.0.2.2\n  A 192.0.2.1\nx.example CNAME .\n\tTXT "t"\n'
    found = rpz_rules.rules(text.encode())
    [rule] = found.said
    assert rule.action.data == ("A 192.0.2.1", "A 192.0.2.2", 'TXT "t"')
    assert [each.line for each in found.rejects] == [3]


def test_absolute_owners_are_inside_the_zone() -> None:
    head = "v.rpz. SOA a. b. 1 1 1 1 1\n"
    assert said(head + "evil.example.v.rpz. CNAME .\nevil.example.com. CNAME .\n") == [
        "evil.example nxdomain (exact)"
    ]


def test_too_many_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rpz_rules, "MOST", 2)
    assert not rpz_rules.rules(b"".join(b"n%d.example CNAME .\n" % n for n in range(9))).whole


_WORDS = "evil.example|*.| |CNAME|A|TXT|IN|60|.|rpz-drop.|;|@|192.0.2.1|$TTL|SOA|ns.x.rpz-nsdname"
_PIECES = st.sampled_from(
    [*_WORDS.split("|"), "\t", "\n", '"', "\x00", "\x1b", "32.1.2.0.192.rpz-ip"]
)


@given(st.one_of(st.lists(_PIECES).map(lambda parts: "".join(parts).encode()), st.binary()))
def test_nothing_that_a_feed_says_breaks_it(data: bytes) -> None:
    found = rpz_rules.rules(data)
    assert found.rejected >= len(found.rejects)
    assert all(str(each.owner).isascii() and " " not in each.owner for each in found.said)
