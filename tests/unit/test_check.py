"""Our own checks and dnspython's on zone text."""

import io
from pathlib import Path

import pytest

from rpzctl import check
from rpzctl.names import Domain
from rpzctl.render import SERIAL_MARK, Frame, canary_name
from rpzctl.rpz import Action, Kind, Row, Scope

ORIGIN = "local.rpz"
HEAD = "$TTL 60\n@ IN SOA localhost. hostmaster.localhost. 1 2 3 4 5\n@ IN NS localhost.\n"


def messages(text: str) -> list[str]:
    found = check.dnspython_lines(ORIGIN, io.StringIO(text))
    assert all(finding.severity == "error" for finding in found)
    assert all((finding.id, finding.where) == ("dnspython", ORIGIN) for finding in found)
    return [finding.message for finding in found]


def test_a_sound_zone_has_no_findings() -> None:
    body = "evil.example CNAME .\n*.evil.example CNAME .\nb.example 5 A 127.0.0.1\n"
    assert [] == messages(HEAD + body + 'b.example 5 TXT "ask \\"us\\"\\;"\n')


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("evil.example. CNAME .", "evil.example. is outside the zone"),
        ("rpz. CNAME .", "rpz. is outside the zone"),
        ("notlocal.rpz. CNAME .", "notlocal.rpz. is outside the zone"),
        ("$ORIGIN com.", r"\$ORIGIN"),
        ("$ORIGIN com.\nevil CNAME .", r"\$ORIGIN"),
        ("$INCLUDE /etc/passwd", r"\$INCLUDE"),
        ("$GENERATE 1-9 a$ CNAME .", r"\$GENERATE"),
        ("evil.example", "."),
        ("evil.example CNAME", "."),
        ("evil.example CNAME . x", "."),
        ("evil.example A 1.2.3", "."),
        ("evil.example WRONG x", "."),
        ("evil.example CH TXT x", "."),
        ('evil.example TXT "open', "."),
        ("evil.example MX 5 (\nb.example CNAME .", "."),
        ("a" * 64 + ".example CNAME .", "."),
        ("a..example CNAME .", "."),
        (".".join(["a" * 60] * 4 + ["b" * 9]) + " CNAME .", "."),
        ("@@records@@", "."),
    ],
)
def test_what_is_wrong_is_found(line: str, told: str) -> None:
    found = messages(f"{HEAD}good.example CNAME .\n{line}\n")
    assert len(found) >= 1
    if told != ".":
        assert told.replace("\\", "") in " ".join(found)


@pytest.mark.parametrize("kind", ["SOA", "NS"])
def test_a_record_that_is_missing_at_the_apex_is_told(kind: str) -> None:
    text = "".join(line for line in HEAD.splitlines(keepends=True) if f"IN {kind}" not in line)
    assert [f"no {kind} record at the apex"] == messages(text)
    moved = "".join(
        line.replace("@", "sub") if f"IN {kind}" in line else line
        for line in HEAD.splitlines(keepends=True)
    )
    assert [f"no {kind} record at the apex"] == messages(moved)


def test_only_the_first_owners_outside_are_told() -> None:
    body = "".join(f"n{number}.example. CNAME .\n" for number in range(50))
    assert len(messages(HEAD + body)) == 5


def test_a_sample_is_read_within_its_frame() -> None:
    frame = Frame(HEAD.replace(" 1 2", f" {SERIAL_MARK} 2"), "")
    action = Action(Kind.NXDOMAIN)
    rows = [Row(Domain("evil.example"), Scope.SUBTREE, action)]
    assert [] == check.dnspython_sample(ORIGIN, frame, rows, {action: ("", " CNAME .\n")})
    (found,) = check.dnspython_sample(ORIGIN, frame, rows, {action: ("", " CNAM .\n")})
    assert found.id == "dnspython"


def frame(text: str) -> list[str]:
    canary = canary_name(ORIGIN, SERIAL_MARK)
    made = Frame(text.replace("CANARY", canary).replace(" 1 2", f" {SERIAL_MARK} 2"), "")
    return [finding.message for finding in check.frame_whole(ORIGIN, made, canary=True)]


def test_a_whole_frame_has_soa_ns_and_canary() -> None:
    assert [] == frame(HEAD + "CANARY TXT x\n")
    assert ["the template writes no canary record"] == frame(HEAD)
    assert ["the template writes no SOA record", "the template writes no NS record"] == frame(
        "CANARY TXT x\n"
    )


def test_a_finding_is_printable_and_bounded_and_says_all() -> None:
    finding = check.error("x", Path("/a"), "bad \x1b[31m" + "y" * 1000, "mend it")
    assert finding.text().isprintable()
    assert len(finding.text()) < 500
    assert finding.text().startswith("error: /a: bad ")
    assert finding.text().endswith(" - mend it [x]")
    assert {"id", "severity", "where", "message", "fix"} == set(finding.value())
