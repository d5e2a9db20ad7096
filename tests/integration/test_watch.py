"""watch: what wakes it, what does not, what it tells, and how it ends."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.integration.test_due import later
from tests.integration.test_feeds import define, local, publisher
from tests.publisher import Publisher
from tests.servers import REAL, Site, until

__all__ = ["publisher"]  # the fixture
PACE = "[watch]\nquiet = 0.2\nmost = 2.0\npoll = 1.0\n"


class Watching:
    """A watcher of a site, and the lines that it logs."""

    def __init__(self, site: Site, **environment: str) -> None:
        self.site = site
        self.path = site.home / "watch.log"
        with self.path.open("wb") as log:
            self.child = subprocess.Popen(
                site.command("watch", "--log-format", "json"),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=site.home,
                env={**os.environ, **environment},
            )

    def lines(self, level: str = "") -> list[dict[str, Any]]:
        found = [json.loads(line) for line in self.path.read_text().splitlines()]
        return [line for line in found if not level or line["level"] == level]

    def says(self, text: str) -> bool:
        return any(text in line["message"] for line in self.lines())

    def generations(self) -> list[int]:
        return [line["generation"] for line in self.lines() if "generation" in line]

    def end(self, number: signal.Signals = signal.SIGTERM) -> int:
        self.child.send_signal(number)
        return self.child.wait(100)


@contextlib.contextmanager
def watching(site: Site, **environment: str) -> Iterator[Watching]:
    """Give a watcher that has made its first run."""
    if "[watch]" not in site.config.read_text():
        text = site.config.read_text()
        site.config.write_text(PACE + text)
    made = Watching(site, **environment)
    try:
        until(lambda: made.says("watching") or made.child.poll() is not None, "it watches")
        yield made
    finally:
        if made.child.poll() is None:
            made.end()


def add(site: Site, *names: str) -> None:
    with site.block_list.open("a") as file:
        file.writelines(f"{name}\n" for name in names)


def is_blocked(site: Site, name: str) -> None:
    until(lambda: site.answer(name) == "NXDOMAIN", f"{name} is blocked", 30)


def test_files_wake_it_and_its_own_work_does_not(site: Site) -> None:
    with watching(site) as watcher:
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        # An editor's save: another file in the place of the old one.
        beside = site.block_list.with_name(".block.list.swp")
        beside.write_text(site.block_list.read_text() + "two.example\n")
        beside.replace(site.block_list)
        until(lambda: site.answer("two.example") == "NXDOMAIN", "it is blocked")
        site.ok("block", "three.example")
        # A burst: many files, and one rule at their end.
        for n in range(1000):
            (site.repo / "feeds" / f"not-a-feed-{n % 7}.txt").write_text(str(n))
        add(site, "four.example")
        until(lambda: site.answer("four.example") == "NXDOMAIN", "it is blocked")
        until(lambda: len(watcher.generations()) >= 3, "that is told")
        assert len(watcher.generations()) == 3, watcher.lines()
        assert site.ok("status", "--json").json()["generation"] == 5
        assert watcher.lines("warning") == watcher.lines("error") == []
        assert watcher.end() == 0
        assert watcher.says("ended")


def test_a_broken_file_is_told_once_and_what_is_live_stays(site: Site) -> None:
    with watching(site) as watcher:
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        text = site.block_list.read_text()
        site.block_list.write_text(text + "half a li ne ???\n")
        until(lambda: bool(watcher.lines("error")), "it is told")
        until(lambda: len(runs(watcher)) > 1, "it tried again")
        [line] = watcher.lines("error")
        assert "block.list:" in line["message"]
        assert line["exit_code"] == 2
        assert site.answer("one.example") == "NXDOMAIN"
        site.block_list.write_text(text + "two.example\n")
        until(lambda: site.answer("two.example") == "NXDOMAIN", "it is blocked")
        until(lambda: watcher.says("mended"), "that is told")


def runs(watcher: Watching) -> list[str]:
    """Return the runs that the watcher's process has started until now, as its children came."""
    watcher.site.home.joinpath("seen").touch()
    task = Path(f"/proc/{watcher.child.pid}/task/{watcher.child.pid}/children")
    seen = watcher.site.home / "seen"
    known = set(seen.read_text().split()) | set(task.read_text().split())
    seen.write_text(" ".join(sorted(known)))
    return sorted(known)


def test_the_folder_is_replaced_and_comes_back(site: Site) -> None:
    with watching(site) as watcher:
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        away = site.home / "away"
        site.repo.rename(away)
        until(lambda: bool(watcher.lines("error")), "that it is gone is told")
        assert site.answer("one.example") == "NXDOMAIN", "the policy stays"
        shutil.copytree(away, site.repo)
        add(site, "two.example")
        until(lambda: site.answer("two.example") == "NXDOMAIN", "it is taken up")
        add(site, "three.example")
        until(lambda: site.answer("three.example") == "NXDOMAIN", "the new one is watched")


def test_a_pull_of_many_files_is_one_run(site: Site, tmp_path: Path) -> None:
    def git(*words: str, at: Path = site.repo) -> None:
        identity = ("-c", "user.name=x", "-c", "user.email=x@example.net")
        subprocess.run(["git", *identity, *words], cwd=at, check=True, capture_output=True)

    git("init", "--quiet")
    git("add", "-A")
    git("commit", "--quiet", "-m", "begin")
    clone = tmp_path / "clone"
    git("clone", "--quiet", str(site.repo), str(clone))
    with (clone / "policy/block.list").open("a") as file:
        file.write("pulled.example\n")
    (clone / "feeds").mkdir(exist_ok=True)
    for n in range(40):
        (clone / f"feeds/f{n}.toml").write_text(
            f'url = "https://lists.example/{n}"\nformat = "hosts"\nzone = "malware"\n'
        )
    (clone / "rpzctl.toml").write_text(PACE + (clone / "rpzctl.toml").read_text())
    git("add", "-A", at=clone)
    git("commit", "--quiet", "-m", "many", at=clone)
    site.config.write_text(PACE + site.config.read_text())
    with watching(site) as watcher:
        git("checkout", "--quiet", "rpzctl.toml")
        git("pull", "--quiet", "--ff-only", str(clone))
        until(lambda: site.answer("pulled.example") == "NXDOMAIN", "it is blocked")
        until(lambda: bool(watcher.generations()), "that is told")
        assert len(watcher.generations()) == 1


def test_what_expires_and_what_is_due_wakes_it(site: Site, publisher: Publisher) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=6)
    add(site, f"brief.example expires={soon:%Y-%m-%dT%H:%M:%SZ}")
    define(site, "list", publisher.gives("/list", b"0.0.0.0 a.bad.example\n"), every="1m")
    with watching(site) as watcher:
        until(lambda: site.answer("brief.example") == "NXDOMAIN", "it is blocked")
        until(lambda: site.answer("a.bad.example") == "NXDOMAIN", "it is fetched")
        assert "next" in site.ok("sync", "--json").json()
        publisher.gives("/list", b"0.0.0.0 b.bad.example\n")
        later(site, "list", last_checked="2026-01-01T00:00:00Z")
        until(lambda: site.answer("brief.example") == REAL, "it resolves again", 30)
        until(lambda: site.answer("b.bad.example") == "NXDOMAIN", "what was due is fetched")
        assert not watcher.lines("error")


def test_feeds_with_faults_are_told_once(site: Site, publisher: Publisher) -> None:
    define(site, "list", publisher.gives("/list", b"0.0.0.0 a.bad.example\n"))
    with watching(site) as watcher:
        until(lambda: site.answer("a.bad.example") == "NXDOMAIN", "it is fetched")
        publisher.fails("/list", 404)
        watcher.child.send_signal(signal.SIGHUP)
        until(lambda: bool(watcher.lines("warning")), "that it failed is told")
        for _ in range(2):
            runs_again(watcher)
        [line] = watcher.lines("warning")
        assert line["feed"] == "list"
        publisher.gives("/list", b"0.0.0.0 a.bad.example\n")
        watcher.child.send_signal(signal.SIGHUP)
        until(lambda: watcher.says("good again"), "that it is mended is told")


def runs_again(watcher: Watching) -> None:
    seen = len(runs(watcher))
    watcher.child.send_signal(signal.SIGHUP)
    until(lambda: len(runs(watcher)) > seen, "it runs again")


def test_a_second_watcher_is_refused(site: Site) -> None:
    with watching(site):
        done = site.cli("watch")
        assert done.status == 6
        assert "another rpzctl watches" in done.stderr
    assert site.cli("watch", "--log-format", "xml").status == 2


def test_one_document_when_it_ends(site: Site) -> None:
    child = site.start("watch", "--json")
    until((site.state / "watch.lock").exists, "it watches")
    add(site, "one.example")
    until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
    child.send_signal(signal.SIGINT)
    out, told = child.communicate(timeout=60)
    assert child.returncode == 0
    assert json.loads(out)["fault"] == ""
    assert json.loads(out)["runs"] >= 1
    assert b"info watching" in told


def test_it_ends_when_the_apply_in_hand_has(site: Site) -> None:
    with watching(site) as watcher:
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        before = site.current
        site.named.signal(signal.SIGSTOP)
        add(site, "two.example")
        until(lambda: bool(runs(watcher)), "an apply has begun")
        watcher.child.send_signal(signal.SIGTERM)
        site.named.signal(signal.SIGCONT)
        assert watcher.child.wait(60) == 0
        live = site.answer("two.example") == "NXDOMAIN"
        assert live == (site.current != before), "done or undone, never half"
        assert site.ok("status", "--json").json()["live"]


def test_named_that_is_away_is_waited_for(site: Site) -> None:
    with watching(site) as watcher:
        site.named.stop()
        add(site, "one.example")
        until(lambda: bool(watcher.lines("error")), "it is told")
        site.named.start()
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is made live", 40)
        until(lambda: watcher.says("mended"), "that is told")


@pytest.mark.slow
def test_what_another_hand_did_to_named_is_mended(site: Site) -> None:
    site.config.write_text(PACE + "every = 5\n" + site.config.read_text())
    with watching(site) as watcher:
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        site.named.stop()
        zone = (site.output / "current/local.rpz.zone").resolve()
        good = zone.read_text()
        zone.write_text(good.replace("one.example CNAME .", "other.example CNAME ."))
        site.named.start()
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked again", 30)
        assert not site.ok("status", "--json").json()["problems"]
        assert watcher.child.poll() is None


@pytest.mark.parametrize("abstract", [False, True])
def test_systemd_is_told(site: Site, abstract: bool) -> None:
    name = f"@rpzctl-{os.getpid()}" if abstract else str(site.home / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind("\0" + name[1:] if abstract else name)
        systemd.settimeout(20)

        def heard(text: str) -> str:
            while True:
                said = systemd.recv(4096).decode()
                if text in said:
                    return said

        with watching(site, NOTIFY_SOCKET=name, WATCHDOG_USEC="600000") as watcher:
            assert "STATUS=" in heard("READY=1")
            heard("WATCHDOG=1")
            add(site, "one.example")
            heard("STATUS=generation 2")
            watcher.child.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in heard("RELOADING=1")
            heard("READY=1")
            watcher.child.send_signal(signal.SIGTERM)
            heard("STOPPING=1")
            assert watcher.child.wait(30) == 0


def test_settings_of_its_own_are_taken_up(site: Site) -> None:
    with watching(site) as watcher:
        state = site.home / "another-state"
        text = site.config.read_text()
        site.config.write_text(text.replace(str(site.state), str(state)))
        until((state / "watch.lock").exists, "it holds the lock there, too")
        add(site, "one.example")
        until(lambda: site.answer("one.example") == "NXDOMAIN", "it is blocked")
        assert site.cli("watch").status == 6
        assert not watcher.lines("error")


@pytest.mark.slow
def test_two_thousand_events_leave_no_trace(site: Site) -> None:
    """Memory and descriptors stay as they are."""

    def footprint(watcher: Watching) -> tuple[int, int]:
        proc = Path(f"/proc/{watcher.child.pid}")
        told = proc.joinpath("status").read_text()
        rss = int(told.split("VmRSS:")[1].split()[0])
        return rss, len(list(proc.joinpath("fd").iterdir()))

    local(site, "one", b"0.0.0.0 c2.bad.example\n")
    site.config.write_text(PACE.replace("quiet = 0.2", "quiet = 0.01") + site.config.read_text())
    with watching(site) as watcher:
        early = (0, 0)
        for n in range(2000):
            add(site, f"n{n}.example")
            if n % 20 == 19:
                is_blocked(site, f"n{n}.example")
            if n == 199:
                early = footprint(watcher)
        late = footprint(watcher)
        assert late[1] == early[1]
        assert late[0] < early[0] * 1.05 + 1024, (early, late)
        assert not watcher.lines("error")
