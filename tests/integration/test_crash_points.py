"""kill -9 before each side effect of a command: the next run needs no hand, and no rule is lost."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path

import pytest

from tests.integration.test_crash import is_complete, recorded, recovers
from tests.integration.test_feeds import local
from tests.servers import REAL, Site

ROOT = Path(__file__).parents[2]
FEW = 19
"""each so manieth side effect is tried by the default suite, all of them by `make test-slow`"""


def killed_at(site: Site, number: int, arguments: Sequence[str]) -> bool:
    """Run a command that is to be killed before its side effect `number`; False: it had fewer."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash_at", str(number), "--config", site.config, *arguments],
        cwd=ROOT,
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode in {0, -9}, done
    return done.returncode == -9


def each_point(
    site: Site, step: int, arguments: Callable[[int], Sequence[str]], before: Callable[[int], None]
) -> int:
    """Kill a command at each `step`th side effect, and hold what must be true; return how many."""
    for number in count(1, step):
        before(number)
        if not killed_at(site, number, arguments(number)):
            return number
        is_complete(site)
        assert site.answer("stays.example") == "NXDOMAIN", f"before side effect {number}"
        recovers(site)
    return 0


def block(site: Site, step: int) -> int:
    return each_point(site, step, lambda n: ("block", f"k{n}.example"), lambda _: None)


def sinkhole(site: Site, step: int) -> int:
    words = ("--via", "zone")
    return each_point(site, step, lambda n: ("block", f"z{n}.example", *words), lambda _: None)


def unblock(site: Site, step: int) -> int:
    def before(number: int) -> None:
        site.ok("block", f"u{number}.example")

    return each_point(site, step, lambda n: ("unblock", f"u{n}.example"), before)


def apply(site: Site, step: int) -> int:
    def before(number: int) -> None:
        with site.block_list.open("a") as file:
            file.write(f"a{number}.example\n")

    return each_point(site, step, lambda _: ("apply",), before)


def sync(site: Site, step: int) -> int:
    feed = local(site, "bad", b"first.example\n", format="domains", min_names=0, max_change=0)

    def before(number: int) -> None:
        feed.write_text(f"first.example\nf{number}.example\n")

    made = each_point(site, step, lambda _: ("sync", "--now"), before)
    site.ok("sync", "--now")
    assert site.answer("first.example") == "NXDOMAIN"
    return made


def rollback(site: Site, step: int) -> int:
    def before(number: int) -> None:
        site.ok("block", f"r{number}.example")

    return each_point(site, step, lambda _: ("rollback",), before)


COMMANDS = (block, sinkhole, unblock, apply, sync, rollback)


def hold(site: Site, command: Callable[[Site, int], int], step: int) -> None:
    site.ok("block", "stays.example")
    made = command(site, step)
    assert made > 20, "there were side effects to be killed before"
    assert "stays.example" in recorded(site)
    assert site.answer("never.example") == REAL


@pytest.mark.parametrize("command", COMMANDS)
def test_killed_before_some_side_effects(site: Site, command: Callable[[Site, int], int]) -> None:
    hold(site, command, FEW)


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_killed_before_each_side_effect(site: Site, command: Callable[[Site, int], int]) -> None:
    hold(site, command, 1)
