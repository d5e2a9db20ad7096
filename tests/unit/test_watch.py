"""The watcher's parts: when it runs, what it sees, what it tells."""

import io
import json
import os
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rpzctl import catalogue, config, log, next_due, times
from rpzctl.book import Book, read_book
from rpzctl.run import Run
from rpzctl.watch import notify, signature
from rpzctl.watch.schedule import LEAST, LONGEST_RETRY, Pace, Schedule
from rpzctl.watch.supervisor import Edge, Watcher
from rpzctl.watch.telling import Result, Told, tell

PACE = Pace(quiet=0.5, most=5.0, poll=30.0)
NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def test_a_change_waits_for_quiet_but_not_for_ever() -> None:
    schedule = Schedule()
    assert schedule.at(PACE) is None
    schedule = schedule.changed(10.0)
    assert schedule.at(PACE) == 10.5
    for moment in range(1, 200):
        schedule = schedule.changed(10.0 + moment / 10)
    assert schedule.at(PACE) == 15.0
    assert schedule.began().at(PACE) is None


def test_failures_back_off_and_what_is_good_ends_that() -> None:
    schedule, moments = Schedule(), []
    for _ in range(12):
        schedule = schedule.began().ended(100.0, PACE, good=False, wait=1.0)
        assert schedule.retry is not None
        moments.append(schedule.retry - 100.0)
    assert moments[:4] == [2.0, 4.0, 8.0, 16.0]
    assert moments[-1] == LONGEST_RETRY
    good = schedule.began().ended(100.0, PACE, good=True, wait=50.0)
    assert (good.at(PACE), good.failures) == (150.0, 0)
    assert good.began().ended(100.0, PACE, good=False, wait=None).retry == 102.0


def test_what_is_always_due_does_not_make_it_spin() -> None:
    schedule = Schedule().ended(100.0, PACE, good=True, wait=-86_400.0)
    assert schedule.at(PACE) == 100.0 + LEAST
    assert schedule.changed(100.0).at(PACE) == 100.5, "a change need not wait for that"


def test_it_runs_now_and_then_though_nothing_is_due() -> None:
    assert Schedule().ended(100.0, PACE, good=True).at(PACE) == 400.0
    assert Schedule().ended(100.0, PACE, good=True, wait=86_400.0).at(PACE) == 400.0


@pytest.fixture
def settings(tmp_path: Path) -> config.Config:
    for folder in ("policy", "feeds", "templates/bind"):
        (tmp_path / folder).mkdir(parents=True)
    file = tmp_path / "rpzctl.toml"
    file.write_text('[paths]\noutput = "output"\nstate = "state"\n')
    (tmp_path / "policy/block.list").write_text("evil.example\n")
    return config.load(file)


def test_a_signature_is_of_what_files_say(settings: config.Config) -> None:
    before = signature.take(settings)
    block = settings.repo / "policy/block.list"
    os.utime(block, (1, 1))
    touched = signature.take(settings, before)
    assert not touched.differs_from(before)
    block.write_text("evil.example\nmore.example\n")
    assert signature.take(settings, touched).differs_from(touched)
    block.unlink()
    assert signature.take(settings, touched).differs_from(touched), "gone"
    for name in ("templates/bind/rpz.zone.j2", "feeds/x.toml", "policy/cases.toml"):
        last = signature.take(settings)
        (settings.repo / name).write_text("x = 1\n")
        assert signature.take(settings, last).differs_from(last), name
    last = signature.take(settings)
    (settings.repo / "notes.txt").write_text("of no concern")
    assert not signature.take(settings, last).differs_from(last)


def test_a_signature_does_not_read_what_looks_as_before(settings: config.Config) -> None:
    before = signature.take(settings)
    block = settings.repo / "policy/block.list"
    mark = before.marks[block]
    known = signature.Signature({**before.marks, block: mark._replace(digest="believed")})
    assert signature.take(settings, known).marks[block].digest == "believed"


def applied(**changes: object) -> dict[str, Any]:
    values = {
        "generation": 7,
        "published": False,
        "proven": True,
        "serials": {},
        "warnings": [],
        "held": None,
    }
    return {"applied": {**values, **changes}, "feeds": [], "next": None}


def told_of(*results: Result) -> list[dict[str, Any]]:
    out = io.StringIO()
    lines = log.Log(out, log.Form.JSON, lambda: "2026-06-01T12:00:00Z")
    told = Told()
    for result in results:
        told = tell(lines, told, result)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def test_the_same_fault_is_told_once_and_that_it_is_mended_too() -> None:
    bad = Result(2, {"error": {"message": "no", "details": ["f:1"], "fix": "mend it"}})
    other = Result(-9, None, "last words\n")
    good = Result(0, applied())
    locked = Result(6, {"error": {"message": "locked"}})
    lines = [line["message"] for line in told_of(bad, bad, locked, bad, other, good, good, bad)]
    assert lines == [
        "no; f:1 - mend it; the policy that is live stays",
        "sync ended by signal 9: last words; the policy that is live stays",
        "mended: sync ended by signal 9: last words",
        "no; f:1 - mend it; the policy that is live stays",
    ]


def test_feeds_holds_and_warnings_are_told_once() -> None:
    failing = applied(warnings=["stale"], held={"of": 3})
    failing["feeds"] = [{"feed": "x", "fault": "404\x1b[2J"}]
    done = [Result(0, failing), Result(0, failing), Result(0, applied(published=True))]
    lines = told_of(*done)
    assert [(line["level"], line["message"]) for line in lines] == [
        ("warning", "feed x: 404\\x1b[2J"),
        ("warning", "stale"),
        ("warning", "the policy of generation 3 is held: rpzctl rollforward ends it"),
        ("info", "live: generation 7"),
        ("info", "feed x: good again"),
    ]


def test_lines_of_a_log() -> None:
    def line(form: log.Form) -> str:
        out = io.StringIO()
        log.Log(out, form, lambda: "2026-06-01T12:00:00Z").fault("bad\nnews", exit_code=2)
        return out.getvalue()

    assert line(log.Form.HUMAN) == "2026-06-01T12:00:00Z error bad\\nnews\n"
    assert line(log.Form.JOURNALD) == "<3>bad\\nnews\n"
    assert json.loads(line(log.Form.JSON)) == {
        "time": "2026-06-01T12:00:00Z",
        "level": "error",
        "message": "bad\\nnews",
        "exit_code": 2,
    }


def test_the_journal_is_recognised(tmp_path: Path) -> None:
    with (tmp_path / "out").open("w") as out:
        stat = os.fstat(out.fileno())
        there = {"JOURNAL_STREAM": f"{stat.st_dev}:{stat.st_ino}"}
        assert log.usual(there, out.fileno()) is log.Form.JOURNALD
        for odd in ({}, {"JOURNAL_STREAM": "1:2"}, {"JOURNAL_STREAM": "x"}):
            assert log.usual(odd, out.fileno()) is log.Form.HUMAN


def test_what_systemd_says_of_itself() -> None:
    mine = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "2000000"}
    assert notify.of(mine) == notify.Notify("/run/x", 1.0)
    assert notify.of({**mine, "WATCHDOG_PID": "1"}).watchdog is None
    assert notify.of({**mine, "WATCHDOG_USEC": "soon"}).watchdog is None
    assert notify.of({"NOTIFY_SOCKET": "relative"}) == notify.Notify()
    notify.of({}).tell(READY="1")
    notify.of({"NOTIFY_SOCKET": "/nonexistent"}).tell(READY="1")


def moment(run: Run, book: Book) -> datetime | None:
    return next_due.moment(run, catalogue.load(run.config), book)


def test_what_is_due_next(settings: config.Config) -> None:
    run = Run(settings, NOON)
    book = read_book(settings.repo)
    assert moment(run, book) is None
    expiring = settings.repo / "policy/block.list"
    expiring.write_text("brief.example expires=2026-06-01T14:00:00Z\n")
    brief = read_book(settings.repo)
    assert moment(run, brief) == NOON + timedelta(hours=2)
    (settings.repo / "feeds/x.toml").write_text(
        'url = "file:///nonexistent"\nformat = "hosts"\nzone = "malware"\nenabled = true\n'
    )
    assert moment(run, book) == NOON + next_due.OFTEN
    later = run._replace(now=NOON + timedelta(hours=3))
    found = moment(later, brief)
    assert found == later.now + next_due.OFTEN, "what has passed is not to come"


def test_a_clock_that_is_set_makes_it_look_anew(settings: config.Config) -> None:
    out, now = io.StringIO(), [NOON]
    lines = log.Log(out, log.Form.HUMAN, lambda: times.show(NOON))
    edge = Edge(lines, notify.Notify(), lambda: now[0], lambda: settings.file)
    watcher = Watcher(settings, edge)
    assert not watcher._clock_was_set()
    now[0] -= timedelta(days=1)
    assert watcher._clock_was_set()
    assert "the clock was set by -86400 s" in out.getvalue()
    assert not watcher._clock_was_set(), "told once"
    assert watcher._seconds_to("2026-06-01T12:00:00Z") == 86_400.0
    assert watcher._seconds_to("nonsense") is None


def test_events_of_git_and_of_neighbours_do_not_wake(tmp_path: Path) -> None:
    from rpzctl.watch.events import Events

    repo = tmp_path / "repo"
    (repo / ".git").mkdir(parents=True)
    woken = threading.Event()
    events = Events(woken.set)
    try:
        assert events.arm(repo) is None
        assert events.arm(repo) is None
        (repo / ".git/index").write_text("x")
        (tmp_path / "beside").write_text("x")
        assert not woken.wait(0.3)
        (repo / "block.list").write_text("x")
        assert woken.wait(5)
        (tmp_path / "repo").rename(tmp_path / "away")
        assert "is gone" in str(events.arm(repo))
    finally:
        events.close()
