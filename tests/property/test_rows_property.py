"""Saved rows read back, and a difference leads from the old rows to the new ones."""

import io
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from rpzctl.names import Domain, sort_key
from rpzctl.rows import QuickRows
from rpzctl.rpz import PASSTHRU, RECORDS, Action, Kind, Row, Scope

GARDEN = Action(Kind.CNAME, Domain("garden.example"))
ACTIONS = [PASSTHRU, GARDEN, Action(Kind.SINKHOLE), Action(Kind.TCP_ONLY), Action(Kind.NXDOMAIN)]
SHAPES = {action: ("", f" CNAME t{i}.\n", " 5 A ::1\n") for i, action in enumerate(ACTIONS)}

_rows = st.lists(
    st.builds(
        Row,
        st.lists(st.sampled_from(["a", "b-", "_c"]), min_size=0, max_size=3).map(
            lambda labels: Domain(".".join([*labels, "com"]))
        ),
        st.sampled_from(Scope),
        st.sampled_from(ACTIONS),
    ),
    max_size=12,
    unique_by=lambda row: row[:2],
).map(lambda rows: QuickRows(tuple(sorted(rows, key=lambda r: (sort_key(r.name), r.scope)))))


@settings(deadline=None, max_examples=200)
@given(_rows, _rows)
def test_a_difference_leads_from_the_old_rows_to_the_new(old: QuickRows, new: QuickRows) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rows"
        old.save(path)
        diff = new.diff(path)
        assert not old.diff(path)
    before = {row[:2]: row for row in old.rows}
    after = {row[:2]: row for row in new.rows}
    gone = {row[:2] for row in diff.removed}
    assert set(before) - set(after) == gone
    assert set(after) - set(before) == {row[:2] for row in diff.added}
    kept = {key: row for key, row in before.items() if key not in gone}
    assert after == {**kept, **{row[:2]: row for row in (*diff.added, *diff.changed)}}
    assert (old.rows == new.rows) == (not diff) == (old.digest() == new.digest())


@settings(deadline=None, max_examples=200)
@given(_rows, st.data())
def test_what_is_written_is_accepted_and_any_other_octet_is_not(
    rows: QuickRows, data: st.DataObject
) -> None:
    out = io.BytesIO()
    rows.write(out, SHAPES)
    text = out.getvalue()
    assert RECORDS.fullmatch(text.decode())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "zone"
        path.write_bytes(b"head" + text + b"tail")
        span = (4, len(text))
        assert [] == rows.recheck(path, span, SHAPES)
        if text:
            place = data.draw(st.integers(0, len(text) - 1))
            octet = data.draw(st.integers(0, 255).filter(lambda o: o != text[place]))
            path.write_bytes(b"head" + text[:place] + bytes([octet]) + text[place + 1 :] + b"tail")
            assert [] != rows.recheck(path, span, SHAPES)
