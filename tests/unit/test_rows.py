"""Rows of a small zone: what was written is held against what was meant."""

import io
from pathlib import Path

import pytest

from rpzctl.errors import RpzctlError
from rpzctl.names import Domain
from rpzctl.rows import Few, QuickRows, expand, record_faults, spread
from rpzctl.rpz import PASSTHRU, Action, Kind, Row, Scope, parse_action

NXDOMAIN = Action(Kind.NXDOMAIN)
SHAPES = {NXDOMAIN: ("", " CNAME .\n"), PASSTHRU: ("", " CNAME rpz-passthru.\n")}
HEAD, TAIL = b"$TTL 60\n@ SOA a. b. 1 1 1 1 1\n@ NS a.\n", b"; tail\n"
ROWS = QuickRows(
    (
        Row(Domain("a.example"), Scope.SUBTREE, NXDOMAIN),
        Row(Domain("b.example"), Scope.EXACT, PASSTHRU),
        Row(Domain("c.example"), Scope.BELOW, NXDOMAIN),
    )
)
BODY = (
    "a.example CNAME .\n*.a.example CNAME .\n"
    "b.example CNAME rpz-passthru.\n*.c.example CNAME .\n"
)  # fmt: skip


def test_write_gives_each_owner_its_record() -> None:
    out = io.BytesIO()
    ROWS.write(out, SHAPES)
    assert BODY.encode() == out.getvalue()
    assert expand(("", " A ::\n", " TXT x\n"), "o") == "o A ::\no TXT x\n"


def recheck(path: Path, body: str, length: int | None = None) -> list[str]:
    path.write_bytes(HEAD + body.encode("utf-8", "surrogateescape") + TAIL)
    return ROWS.recheck(path, (len(HEAD), len(BODY) if length is None else length), SHAPES)


def test_what_was_written_is_found_right(tmp_path: Path) -> None:
    assert [] == recheck(tmp_path / "zone", BODY)


TAMPERED = {
    "a second record": BODY.replace("b.example", "b.example CNAME .\nb.example"),
    "a missing line": BODY.replace("*.a.example CNAME .\n", ""),
    "another owner": BODY.replace("b.example", "d.example"),
    "another owner of the same length": BODY.replace("*.c", "*.d"),
    "two owners exchanged": BODY.replace("*.a", "*.x").replace("*.c", "*.a").replace("*.x", "*.c"),
    "another action": BODY.replace("b.example CNAME rpz-passthru.", "b.example CNAME ."),
    "a directive": BODY.replace("b.example", "$ORIGIN com.\nb.example"),
    "an include": BODY.replace("b.example", "$INCLUDE /etc/passwd\nb.example"),
    "a relative rpz-passthru": BODY.replace("rpz-passthru.", "rpz-passthru"),
    "an absolute owner": BODY.replace("b.example", "b.example."),
    "a comment": BODY.replace("*.a.example", "; *.a.example"),
    "an owner left out": BODY.replace("*.a.example", ""),
    "a last line that is cut": BODY[:-3],
    "text outside ASCII": BODY.replace("b.example", "b\u00fc.example"),
    "octets that are no text": BODY.replace("b.example", "b\udcff.example"),
    "a carriage return": BODY.replace("\n", "\r\n"),
    "nothing at all": "",
}


@pytest.mark.parametrize("body", TAMPERED.values(), ids=TAMPERED)
@pytest.mark.parametrize("whole", [True, False], ids=["whole", "span"])
def test_a_file_that_says_something_else_is_found(tmp_path: Path, body: str, whole: bool) -> None:
    octets = len(body.encode("utf-8", "surrogateescape"))
    assert [] != recheck(tmp_path / "zone", body, octets if whole else None)


def test_a_file_without_its_last_line_feed_is_told(tmp_path: Path) -> None:
    path = tmp_path / "zone"
    path.write_bytes(BODY[:-1].encode())
    faults = ROWS.recheck(path, (0, len(BODY) - 1), SHAPES)
    assert "the last record has no line end" in faults


def test_only_the_first_faults_are_told_and_printable() -> None:
    faults = record_faults(["$ORIGIN \x1b com."] * 50)
    assert len(faults) == 5
    assert all(fault.isprintable() for fault in faults)


def test_no_rows_are_a_zone_of_nothing(tmp_path: Path) -> None:
    none = QuickRows(())
    out = io.BytesIO()
    none.write(out, {})
    assert out.getvalue() == b""
    none.save(tmp_path / "rows")
    assert not none.diff(tmp_path / "rows")
    assert not none.diff(None)
    assert ROWS.digest() != none.digest()


def test_a_change_of_action_is_a_change_not_an_addition(tmp_path: Path) -> None:
    ROWS.save(tmp_path / "rows")
    garden = parse_action("cname:garden.example")
    now = (ROWS.rows[0]._replace(action=garden), ROWS.rows[1]._replace(scope=Scope.BELOW))
    diff = QuickRows(now).diff(tmp_path / "rows")
    assert [now[0]] == list(diff.changed)
    assert [now[1]] == list(diff.added)
    assert [ROWS.rows[1], ROWS.rows[2]] == list(diff.removed)


@pytest.mark.parametrize(
    "line", ["", "a.example", "a.example subtree", "a.example wide drop", "a.example exact blok",
             "a.example exact drop more"]
)  # fmt: skip
def test_saved_rows_that_are_damaged_are_told(tmp_path: Path, line: str) -> None:
    path = tmp_path / "rows"
    path.write_text(line + "\n")
    with pytest.raises(RpzctlError, match="are damaged") as caught:
        ROWS.diff(path)
    assert caught.value.exit_code == 1


def test_saved_rows_that_are_no_text_are_told(tmp_path: Path) -> None:
    path = tmp_path / "rows"
    path.write_bytes(b"a.example exact dr\xff\n")
    with pytest.raises(RpzctlError, match="damaged"):
        ROWS.diff(path)


def test_a_sample_has_first_last_longest_and_deepest_and_is_the_same_each_time() -> None:
    rows = [Row(Domain(f"n{i}.example"), Scope.EXACT, NXDOMAIN) for i in range(1000)]
    rows[400] = rows[400]._replace(name=Domain("x" * 63 + ".example"))
    rows[500] = rows[500]._replace(name=Domain("a.b.c.d.e"))
    picked = spread(rows, 20)
    assert len(picked) == len(set(picked)) == 20
    assert {rows[0], rows[999], rows[400], rows[500]} <= set(picked)
    assert picked == spread(rows, 20)
    assert rows == spread(rows, 1000)
    assert rows[:3] == Few(tuple(rows[:3])).sample(5)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7])
def test_a_small_sample_is_as_small_as_asked(size: int) -> None:
    rows = [Row(Domain(f"n{i}.example"), Scope.EXACT, NXDOMAIN) for i in range(50)]
    assert size == len(spread(rows, size))
