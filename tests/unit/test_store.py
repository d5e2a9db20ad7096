"""Generations: built aside, flipped by one rename, complete or not there at all."""

import json
import os
import shutil
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpzctl.errors import RpzctlError
from rpzctl.files import link, write_aside
from rpzctl.manifest import Manifest, ZoneEntry, digest_of
from rpzctl.render import Frame
from rpzctl.store import MANIFEST, Store

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NO_PROCESS = 2**22 + 1  # above the highest process id of Linux


@pytest.fixture
def store(tmp_path: Path) -> Store:
    (tmp_path / "state").mkdir()
    return Store(tmp_path / "out", tmp_path / "state")


def entry(serial: int) -> ZoneEntry:
    frame = Frame("head @@serial@@\n", "")
    return ZoneEntry("local.rpz", "policy", "local.rpz.zone", serial, "d", 3, frame, (7, 9))


def manifest(number: int, *, serial: int = 1, made: str = "2026-11-24T03:00:00Z") -> Manifest:
    zones = {"local.rpz": entry(serial)}
    return Manifest(number, made, zones, ("evil.example",), {"local.rpz": serial, "gone.rpz": 7})


def publish(store: Store, *, serial: int = 1, made: str = "2026-11-24T03:00:00Z") -> Manifest:
    with store.aside() as folder:
        published = manifest(store.next_number(), serial=serial, made=made)
        (folder / "local.rpz.zone").write_text(f"zone {serial}\n")
        store.publish(folder, published)
    return published


def generations(store: Store) -> list[str]:
    return sorted(path.name for path in (store.output / "generations").iterdir())


def test_before_the_first_there_is_no_current_generation(store: Store) -> None:
    assert store.current() is None
    assert store.proven() is None
    assert store.proven_at() is None
    assert store.next_number() == 1


def test_what_was_published_is_current_and_reads_back(store: Store) -> None:
    made = publish(store, serial=42)
    assert made == store.current()
    assert Path("generations/0000000001") == store.current_link.readlink()
    assert (store.current_link / "local.rpz.zone").read_text() == "zone 42\n"
    assert store.next_number() == 2


def test_a_flip_leaves_the_older_generation_whole(store: Store) -> None:
    first, second = publish(store, serial=1), publish(store, serial=2)
    assert second == store.current()
    assert (store.folder(first) / "local.rpz.zone").read_text() == "zone 1\n"
    assert ["0000000001", "0000000002"] == generations(store)


def test_serials_of_zones_that_are_gone_are_kept_in_the_manifest(store: Store) -> None:
    publish(store)
    current = store.current()
    assert current is not None
    assert {"local.rpz": 1, "gone.rpz": 7} == current.serials
    assert ["local.rpz"] == current.policy_zones


def test_published_files_can_be_read_by_another_user_whatever_the_umask(store: Store) -> None:
    before = os.umask(0o077)
    try:
        made = publish(store)
    finally:
        os.umask(before)
    folder = store.folder(made)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (store.output, folder.parent, folder)}
    assert {0o755} == modes
    assert {0o644} == {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}


def fail_in(folder: Path) -> None:
    (folder / "local.rpz.zone").write_text("half")
    raise RuntimeError("oh")


def test_what_fails_is_not_published_and_leaves_nothing(store: Store) -> None:
    publish(store)
    with pytest.raises(RuntimeError, match="oh"), store.aside() as folder:
        fail_in(folder)
    assert ["0000000001"] == generations(store)


def test_a_disk_that_refuses_is_an_error_that_names_the_file(store: Store) -> None:
    publish(store)
    with (
        pytest.raises(RpzctlError, match="cannot write the new generation") as caught,
        store.aside() as folder,
        (folder / "no" / "such").open("w"),
    ):
        pass
    assert caught.value.fix == "what was published before is untouched"
    assert "no/such" in caught.value.details[0]


def test_an_output_folder_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    bad = Store(tmp_path / "file" / "out", tmp_path / "file" / "state")
    with pytest.raises(RpzctlError, match="cannot make"), bad.aside():
        pass
    with pytest.raises(RpzctlError, match="cannot make"), bad.lock(0):
        pass


def test_a_generation_that_was_never_flipped_to_is_not_current(store: Store) -> None:
    publish(store)
    (store.output / "generations" / "0000000002").mkdir()
    current = store.current()
    assert current is not None
    assert current.generation == 1
    assert publish(store).generation == 3


def test_leftovers_of_a_killed_run_are_swept(store: Store) -> None:
    publish(store)
    half = store.output / "generations" / f".new-{NO_PROCESS}"
    half.mkdir()
    (half / "local.rpz.zone").write_text("half")
    with store.lock(0):
        publish(store)
    assert ["0000000001", "0000000002"] == generations(store)


def test_a_link_that_was_not_yet_renamed_is_swept(store: Store) -> None:
    publish(store)
    (store.output / f".new-current-{NO_PROCESS}").symlink_to("generations/0000000001")
    with store.lock(0):
        publish(store)
    assert ["current", "generations"] == sorted(path.name for path in store.output.iterdir())


def test_a_half_written_state_file_is_swept(store: Store) -> None:
    made = publish(store)
    (store.state / f".new-proven.json-{NO_PROCESS}").write_text("half")
    store.set_proven(made, made.made)
    assert ["proven.json", "serials.json"] == sorted(path.name for path in store.state.iterdir())


def test_prune_keeps_the_newest_the_current_and_the_proven(store: Store) -> None:
    made = [publish(store, serial=number) for number in range(1, 8)]
    store.set_proven(made[1], made[1].made)
    store.current_link.unlink()
    store.current_link.symlink_to("generations/0000000003")
    store.prune(2, 0, NOON)
    assert ["0000000002", "0000000003", "0000000006", "0000000007"] == generations(store)
    assert made[1] == store.proven()
    assert store.next_number() == 8


def days_before(days: float) -> str:
    return (NOON - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_prune_removes_what_was_replaced_too_long_ago(store: Store) -> None:
    for days in (400, 90, 8, 6, 0):  # the second was replaced 8 days ago, the third 6
        publish(store, made=days_before(days))
    store.prune(10, 7, NOON)
    assert ["0000000003", "0000000004", "0000000005"] == generations(store)
    store.prune(2, 7, NOON)
    assert ["0000000004", "0000000005"] == generations(store)


def test_no_age_is_too_old_for_the_current_the_proven_and_those_not_replaced(store: Store) -> None:
    made = [publish(store, made=days_before(days)) for days in (40, 30, 20, 10)]
    store.set_proven(made[1], made[1].made)
    store.current_link.unlink()
    store.current_link.symlink_to("generations/0000000003")
    store.prune(10, 1, NOON)
    assert ["0000000002", "0000000003", "0000000004"] == generations(store)


@pytest.mark.parametrize("days", [0, 7])
def test_a_clock_that_was_set_back_or_a_damaged_manifest_makes_nothing_too_old(
    store: Store, days: int
) -> None:
    for ahead in (-400, -300, -200):
        publish(store, made=days_before(ahead))
    publish(store, made="no moment")
    publish(store)
    (store.output / "generations/0000000002" / MANIFEST).write_text("{")
    store.prune(10, days, NOON)
    assert 5 == len(generations(store))
    store.prune(2, days, NOON)
    assert ["0000000004", "0000000005"] == generations(store)


def test_what_was_proven_is_recorded_with_its_moment(store: Store) -> None:
    made = publish(store)
    store.set_proven(made, "2026-11-24T03:00:01Z")
    assert made == store.proven()
    assert store.proven_at() == "2026-11-24T03:00:01Z"
    assert stat.S_IMODE((store.state / "proven.json").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"generation": "x"}', '{"at": 1}', "\x00"]
)
def test_a_damaged_record_of_what_was_proven_proves_nothing(store: Store, text: str) -> None:
    publish(store)
    (store.state / "proven.json").write_text(text)
    assert store.proven() is None


def test_a_damaged_proven_generation_proves_nothing_and_is_not_pruned(store: Store) -> None:
    first, _, last = publish(store), publish(store), publish(store)
    store.set_proven(first, "2026-01-01T00:00:00Z")
    manifest = store.folder(first) / "manifest.json"
    manifest.write_text("{")
    assert store.proven() is None
    assert store.damaged() == [manifest]
    store.prune(1, 0, NOON)
    assert store.numbers() == [1, 3]
    store.set_proven(last, "2026-01-01T00:00:00Z")
    (store.folder(last) / "manifest.json").write_text("{")
    assert store.is_turned_back(first), "its number is enough"


def test_a_proven_generation_that_is_gone_proves_nothing(store: Store) -> None:
    (store.state / "proven.json").write_text('{"generation": 9, "at": "x"}')
    assert store.proven() is None


def _set(key: str, value: object) -> Callable[[str], str]:
    return lambda text: json.dumps({**json.loads(text), key: value})


DAMAGE: dict[str, Callable[[str], str]] = {
    "empty": lambda _: "",
    "cut": lambda text: text[: len(text) // 2],
    "no object": lambda _: "[]",
    "null": lambda _: "null",
    "another format": _set("format", 2),
    "zones as a list": _set("zones", []),
    "zones as text": _set("zones", "x"),
    "a zone as null": _set("zones", {"a.rpz": None}),
    "a zone of nothing": _set("zones", {"a.rpz": {}}),
    "a zone with a key more": lambda text: text.replace('"kind"', '"more": 1, "kind"'),
    "no zones": lambda text: text.replace('"zones"', '"zoned"'),
    "no serials": lambda text: text.replace('"serials"', '"serial_"'),
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_manifest_is_an_error_of_ours(store: Store, damage: Callable[[str], str]) -> None:
    path = store.folder(publish(store)) / MANIFEST
    path.write_text(damage(path.read_text()))
    with pytest.raises(RpzctlError, match="damaged or of another version") as caught:
        store.current()
    assert "current/manifest.json" in caught.value.message
    assert caught.value.fix


def test_a_manifest_that_is_no_text_is_an_error_of_ours(store: Store) -> None:
    (store.folder(publish(store)) / MANIFEST).write_bytes(b"\xff\xfe")
    with pytest.raises(RpzctlError, match="damaged"):
        store.current()


def test_a_link_is_the_same_file_with_its_time(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("x")
    os.utime(source, (1_000_000, 1_000_000))
    link(source, target)
    assert source.stat().st_ino == target.stat().st_ino
    assert target.stat().st_mtime == 1_000_000


def test_where_no_link_can_be_made_a_copy_keeps_its_time(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "b"
    source.write_text("new")
    target.write_text("in the way")
    os.utime(source, (1_000_000, 1_000_000))
    link(source, target)
    assert target.read_text() == "new"
    assert target.stat().st_mtime == 1_000_000


def test_write_aside_replaces_whole_and_leaves_nothing(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "file"
    write_aside(path, b"one", mode=0o600)
    write_aside(path, b"two", mode=0o644)
    assert path.read_bytes() == b"two"
    assert [path] == list(path.parent.iterdir())


def test_write_aside_tells_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RpzctlError, match="cannot write"):
        write_aside(tmp_path / "file" / "x", b"", mode=0o600)
    (tmp_path / "folder" / "x").mkdir(parents=True)
    with pytest.raises(RpzctlError, match="cannot write"):
        write_aside(tmp_path / "folder", b"", mode=0o600)
    assert ["file", "folder"] == sorted(path.name for path in tmp_path.iterdir())


def test_a_digest_is_the_same_for_the_same_values() -> None:
    assert digest_of({"a": 1, "b": [2]}) == digest_of({"b": (2,), "a": 1})
    assert digest_of("a", "b") != digest_of("ab")


def test_numbers_and_serials_outlive_the_output_folder(store: Store) -> None:
    publish(store, serial=7)
    publish(store, serial=8)
    shutil.rmtree(store.output)
    assert (2, {"local.rpz": 8, "gone.rpz": 7}) == store.remembered()
    assert 3 == store.next_number()


def test_a_damaged_memory_of_serials_counts_as_none(store: Store) -> None:
    publish(store)
    (store.state / "serials.json").write_text("[1")
    assert (0, {}) == store.remembered()


def test_a_zone_file_is_newer_than_the_one_that_it_replaces_whatever_the_clock(
    store: Store,
) -> None:
    publish(store, serial=1)
    path = store.current_link / "local.rpz.zone"
    ahead = path.stat().st_mtime_ns + 3_600_000_000_000
    os.utime(path, ns=(ahead, ahead))
    publish(store, serial=2)
    assert path.stat().st_mtime_ns > ahead


def test_a_parent_of_the_output_folder_can_be_entered_whatever_the_umask(tmp_path: Path) -> None:
    store = Store(tmp_path / "a" / "b" / "out", tmp_path / "state")
    before = os.umask(0o077)
    try:
        publish(store)
    finally:
        os.umask(before)
    for folder in (tmp_path / "a", tmp_path / "a" / "b", store.output):
        assert 0o755 == folder.stat().st_mode & 0o777
