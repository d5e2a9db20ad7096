"""The audit log as a file: whole lines, whatever happens to it and around it."""

import gzip
import json
import os
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from rpzctl import audit, event, reviewing
from rpzctl.errors import RpzctlError
from rpzctl.event import Event
from rpzctl.reviewing import Wanted

AT = "2026-03-01T10:00:00Z"


def entry(**keys: Any) -> dict[str, Any]:  # noqa: ANN401 - as an event has them
    return (
        Event(AT, "ana", "block", f"block {keys.pop('subject', 'evil.example')}", "live")
        ._replace(**keys)
        .value()
    )


def line(**keys: Any) -> str:  # noqa: ANN401 - same
    return json.dumps(entry(**keys))


def subjects(path: Path, **wanted: Any) -> list[str]:  # noqa: ANN401 - as asked for
    found = reviewing.review(path, Wanted(**wanted))
    return [each["what"].removeprefix("block ") for each in found.entries]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "audit.jsonl"


def test_lines_are_appended(log: Path) -> None:
    audit.append(log, ["1"])
    audit.append(log, ["2", "3"])
    assert log.read_text() == "1\n2\n3\n"


@pytest.mark.parametrize(("folder", "expected"), [(0o700, 0o600), (0o750, 0o640), (0o755, 0o640)])
def test_a_group_reads_the_log_where_it_reads_the_folder(
    log: Path, folder: int, expected: int
) -> None:
    log.parent.chmod(folder)
    audit.append(log, ["1"])
    assert expected == stat.S_IMODE(log.stat().st_mode)


def test_what_logrotate_made_keeps_its_mode(log: Path) -> None:
    log.touch(mode=0o640)
    audit.append(log, ["1"])
    assert stat.S_IMODE(log.stat().st_mode) == 0o640


def test_a_half_line_does_not_spoil_the_next(log: Path) -> None:
    log.write_text(line(subject="a.example") + "\n" + line(subject="b.example")[:40])
    audit.append(log, [line(subject="c.example")])
    found = reviewing.review(log, Wanted())
    assert subjects(log) == ["a.example", "c.example"]
    assert found.damaged == (f"{log}:2",)


def test_a_file_that_may_not_grow_is_told_and_has_no_half_line(log: Path) -> None:
    audit.append(log, ["x" * 90])
    code = (
        "import resource, sys; from pathlib import Path; from rpzctl import audit\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))\n"
        "audit.append(Path(sys.argv[1]), ['y' * 50])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(log)], capture_output=True, text=True, check=False
    )
    assert "RpzctlError: cannot write" in done.stderr
    assert log.read_text() == "x" * 90 + "\n"


def test_a_device_is_refused() -> None:
    with pytest.raises(RpzctlError, match="is no file"):
        audit.append(Path("/dev/full"), ["1"])


@pytest.mark.parametrize("kind", ["fifo", "link", "folder", "nowhere"])
def test_what_is_no_file_is_refused_and_not_waited_for(log: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(log)
    elif kind == "link":
        log.symlink_to(log.parent / "elsewhere")
    elif kind == "folder":
        log.mkdir()
    path = log / "gone" / "audit.jsonl" if kind == "nowhere" else log
    with pytest.raises(RpzctlError, match=str(path)):
        audit.append(path, ["1"])
    assert not (log.parent / "elsewhere").exists()


def test_many_processes_write_whole_lines(log: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from rpzctl import audit\n"
        "for n in range(25): audit.append(Path(sys.argv[1]), [sys.argv[2] * 5000])"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, str(log), str(number)]) for number in range(4)
    ]
    assert [0] * 4 == [writer.wait(60) for writer in writers]
    lines = log.read_text().splitlines()
    assert len(lines) == 100
    assert {number * 5000 for number in "0123"} == set(lines)


def test_who_holds_the_lock_for_ever_is_not_waited_for(log: Path) -> None:
    import fcntl

    log.touch()
    with log.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        audit.append(log, ["1"])
    assert log.read_text() == "1\n"


def test_nothing_in_a_line_can_steer_a_terminal_or_end_it(log: Path) -> None:
    steering = "a\x1b[2J\n\x9b31m\u2028b"
    audit.append(log, [line(why=steering)])
    text = log.read_bytes()
    assert text.count(b"\n") == 1
    assert all(32 <= octet < 127 for octet in text.rstrip(b"\n"))
    assert reviewing.review(log, Wanted()).entries[0]["why"] == steering


def test_rotated_logs_are_read_the_oldest_first(log: Path) -> None:
    texts = {name: line(subject=name) + "\n" for name in ("c", "b", "a", "d", "e")}
    log.write_text(texts["c"])
    log.with_name("audit.jsonl.1").write_text(texts["b"])
    log.with_name("audit.jsonl.2.gz").write_bytes(gzip.compress(texts["a"].encode()))
    log.with_name("audit.jsonl-20260201").write_text(texts["d"])
    log.with_name("audit.jsonl-20260101.gz").write_bytes(gzip.compress(texts["e"].encode()))
    log.with_name("audit.jsonl.bak").write_text(texts["a"])
    log.with_name("audit.jsonl.10").write_text(line(subject="z") + "\n")
    assert subjects(log) == ["e", "d", "z", "a", "b", "c"]


def test_logs_that_our_logrotate_dated_are_read_the_oldest_first(log: Path) -> None:
    log.write_text(line(subject="now") + "\n")
    for name, end in (("b", "2026-02-28-1772236800"), ("c", "2026-02-28-1772240400")):
        log.with_name(f"audit.jsonl-{end}").write_text(line(subject=name) + "\n")
    packed = gzip.compress(line(subject="a").encode() + b"\n")
    log.with_name("audit.jsonl-2026-01-31-1769817600.gz").write_bytes(packed)
    assert subjects(log) == ["a", "b", "c", "now"]


@pytest.mark.parametrize(
    "damage",
    [
        b"\0" * 400 + b"\n",
        b"[" * 100_000 + b"\n",
        b"{}\n",
        b'{"at": 5}\n',
        b"x" * (3 << 20) + b"\n",
        b"\xff\xfe\n",
        line(by=None).encode() + b"\n",
        b"null\n",
        b'{"at": "2026-03-01T10:00:00Z"',
    ],
    ids=["zeros", "deep", "empty", "time", "long", "octets", "type", "null", "half"],
)
def test_damaged_lines_are_told_and_passed_over(log: Path, damage: bytes) -> None:
    log.write_bytes(line(subject="a").encode() + b"\n" + damage)
    audit.append(log, [line(subject="b")])
    found = reviewing.review(log, Wanted())
    assert [f"{log}:2"] == list(found.damaged)
    assert subjects(log) == ["a", "b"]


def test_a_damaged_archive_is_told(log: Path) -> None:
    packed = gzip.compress("".join(f"{line(subject=str(n))}\n" for n in range(500)).encode())
    log.with_name("audit.jsonl.1.gz").write_bytes(packed[: len(packed) // 2])
    log.write_text(line(subject="last") + "\n")
    found = reviewing.review(log, Wanted())
    assert len(found.damaged) == 1
    assert found.entries[-1]["what"] == "block last"


def test_what_is_asked_for_is_found(log: Path) -> None:
    audit.append(
        log,
        [
            line(subject="1", names=("evil.example",), at="2026-03-01T10:00:00Z"),
            line(subject="2", names=("*.www.evil.example",), at="2026-03-02T10:00:00Z"),
            line(subject="3", names=("notevil.example", "evil.example exact"), by="ben"),
            line(subject="4", names=("other.example",), at="2026-03-03T10:00:00Z"),
        ],
    )
    assert subjects(log, name="evil.example") == ["1", "2", "3"]
    assert subjects(log, name="evil.example", by="ben") == ["3"]
    assert subjects(log, since=datetime(2026, 3, 2, 10, tzinfo=UTC)) == ["2", "4"]
    assert subjects(log, most=2) == ["3", "4"]
    assert reviewing.review(log, Wanted(most=1)).more == 3


def test_no_log_is_no_fault(log: Path) -> None:
    assert reviewing.review(log / "nowhere", Wanted()) == reviewing.Reviewed((), (), 0)


def test_an_event_is_bounded() -> None:
    fault = RpzctlError("m" * 10_000, details=["d" * 10_000] * 100)
    made = Event(AT, "ana", "block", "block x", "failed", error=event.document_of(fault))
    assert len(json.dumps(made.value())) < 40_000
