"""Several at once: one lock, nothing lost."""

import contextlib
import fcntl
import time
from collections.abc import Iterator

import pytest

from tests.servers import Site

MANY = pytest.mark.parametrize("many", [20, pytest.param(50, marks=pytest.mark.slow)])


@contextlib.contextmanager
def locked(site: Site) -> Iterator[None]:
    """Hold the lock as another rpzctl would."""
    with (site.state / "lock").open("a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def test_a_held_lock_is_waited_for_and_then_told(site: Site) -> None:
    before = site.files()
    with locked(site):
        for command in (("block", "evil.example"), ("unblock", "x.example"), ("apply",)):
            started = time.monotonic()
            done = site.cli(*command, "--wait", "0.2")
            assert done.status == 6, done
            assert "another rpzctl" in done.stderr
            assert "--wait" in done.stderr
            assert time.monotonic() - started < 10
        done = site.cli("block", "evil.example", "--no-apply", "--wait", "0", "--json")
        assert done.status == 6
        assert done.json()["error"]["kind"] == "Locked"
    assert site.files() == before


def test_reading_needs_no_lock(site: Site) -> None:
    with locked(site):
        for command in ("plan", "list", "status", "check"):
            site.ok(command)


def test_a_lock_that_is_let_go_lets_the_waiting_one_in(site: Site) -> None:
    with locked(site):
        child = site.start("block", "evil.example", "--wait", "60")
    _, told = child.communicate(timeout=60)
    assert child.returncode == 0, told
    assert site.answer("evil.example") == "NXDOMAIN"


@MANY
def test_many_blocks_at_once_lose_nothing(site: Site, many: int) -> None:
    names = [f"n{i}.many.example" for i in range(many)]
    children = [site.start("block", name, "--wait", "120") for name in names]
    ended = [(child.communicate(timeout=150), child.returncode) for child in children]
    assert [status for _, status in ended] == [0] * many, ended
    rules = {line.split()[0] for line in site.block_list.read_text().splitlines() if "by=" in line}
    assert rules == set(names)
    assert site.answers(names) == dict.fromkeys(names, "NXDOMAIN")
    assert site.ok("plan", "--json").json()["empty"] is True
    assert site.ok("check", "--json").json() == {"ok": True, "findings": []}


def test_different_commands_at_once_lose_nothing(site: Site) -> None:
    site.ok("block", "base.example", "gone.example")
    commands = [
        ("block", "one.example"),
        ("allow", "x.base.example"),
        ("unblock", "gone.example"),
        ("block", "two.example", "--via", "zone"),
        ("apply",),
        ("block", "three.example", "--no-apply"),
        ("apply",),
    ]
    children = [site.start(*command) for command in commands]
    ended = [(child.communicate(timeout=150), child.returncode) for child in children]
    assert [status for _, status in ended] == [0] * len(commands), ended
    site.ok("apply")
    assert site.answers(["one.example", "two.example", "three.example", "base.example"]) == {
        "one.example": "NXDOMAIN",
        "two.example": "127.0.0.1",
        "three.example": "NXDOMAIN",
        "base.example": "NXDOMAIN",
    }
    assert site.answer("x.base.example") == site.answer("gone.example") == "192.0.2.1"
