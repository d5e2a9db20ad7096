"""The record of a feed: what is damaged is made anew from the copy, never half believed."""

import json
from pathlib import Path
from typing import Any

import pytest

from rpzctl.fetch.fetched import Validators
from rpzctl.snapshots import Read, Record, Snapshots, digest

GOOD = Record(sha256=digest(b"x"), read_as="hosts/4", names=3, last_ok="2026-11-24T12:00:00Z")


def kept(folder: Path, **changes: Any) -> Snapshots:  # noqa: ANN401 - what a damaged file holds
    store = Snapshots(folder)
    store.accept("one", b"x", Read(b"PAR1PAR1", b""), GOOD)
    path = folder / "one" / "record.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return store


def test_a_sound_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert GOOD == kept(tmp_path).record("one")
    assert GOOD == kept(tmp_path, key_of_a_newer_version=1).record("one")
    marked = GOOD._replace(validators=Validators('"a"', None, 7))
    Snapshots(tmp_path).keep("one", marked)
    assert marked == Snapshots(tmp_path).record("one")


@pytest.mark.parametrize(
    "changes",
    [
        {"last_checked": "junk"},
        {"last_ok": 5},
        {"last_ok": "9999-12-31T00:00:00Z"},
        {"not_before": "junk"},
        {"expires": 5},
        {"names": None},
        {"names": "x"},
        {"names": True},
        {"names": -1},
        {"failures": "x"},
        {"fault": 3},
        {"sha256": 5},
        {"sha256": "x"},
        {"validators": {"etag": 5}},
        {"validators": []},
        {"validators": None},
    ],
    ids=str,
)
def test_a_damaged_record_is_made_anew_from_the_copy(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    record = kept(tmp_path, **changes).record("one")
    assert (digest(b"x"), "", "") == (record.sha256, record.read_as, record.asked)
    assert record.last_ok is not None


def test_a_feed_of_which_nothing_is_kept_has_no_copy(tmp_path: Path) -> None:
    assert Record() == Snapshots(tmp_path).record("one")
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "record.json").write_text("[" * 100_000)
    assert Record() == Snapshots(tmp_path).record("one")
