"""A disk that is full, a folder that cannot be written, servers that hang: nothing is lost."""

import contextlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rpzctl import config, sync
from rpzctl.resolvers import kinds
from rpzctl.run import Run
from tests.integration.test_feeds import local
from tests.servers import REAL, Site, find, until

LOOPS = 25
"""blocks in a loop that the default suite makes; `make test-slow` makes a thousand"""


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[None]:
    """Mount a file system of its own at `folder`; skip where that is not allowed."""
    folder.mkdir(exist_ok=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", *options, "tmpfs", folder], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip("a file system cannot be mounted here")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def remount(folder: Path, options: str) -> None:
    subprocess.run(["mount", "-o", f"remount,{options}", folder], check=True)


@pytest.fixture
def small(site: Site) -> Iterator[Site]:
    """Give a site whose output folder is a file system of its own, with room for little."""
    site.named.stop()
    with mounted(site.output, "-o", "size=1m"):
        assert site.cli("apply", "--no-reload").status == 0
        site.named.start()
        site.ok("block", "held.example")
        yield site
        site.named.stop()


def test_a_full_disk_changes_nothing_and_loses_no_rule(small: Site) -> None:
    filler = small.output / "filler"
    with contextlib.suppress(OSError):
        filler.write_bytes(bytes(1 << 21))
    before = small.files()
    failed = small.cli("block", "new.example")
    assert failed.status == 1, failed
    assert "No space left on device" in failed.stderr
    assert "Traceback" not in failed.stderr
    assert small.files() == before
    assert small.answers(("held.example", "new.example")) == {
        "held.example": "NXDOMAIN",
        "new.example": REAL,
    }
    assert not list((small.output / "generations").glob(".new-*")), "nothing is left half-built"
    filler.unlink()
    small.ok("block", "new.example")
    assert small.answer("new.example") == "NXDOMAIN"


def test_an_output_that_cannot_be_written_changes_nothing(small: Site) -> None:
    before = small.files()
    remount(small.output, "ro")
    failed = small.cli("block", "new.example")
    assert failed.status == 1, failed
    assert "Read-only file system" in failed.stderr
    back = small.cli("rollback")
    assert (back.status, "Read-only file system" in back.stderr) == (1, True)
    assert small.files() == before
    assert small.answer("held.example") == "NXDOMAIN"
    remount(small.output, "rw")
    small.ok("block", "new.example")
    assert small.answer("new.example") == "NXDOMAIN"


def hanging_rndc(folder: Path) -> dict[str, str]:
    """Return an environment in which rndc never ends."""
    rndc = folder / "rndc"
    rndc.write_text("#!/bin/sh\nexec sleep 600\n")
    rndc.chmod(0o755)
    return {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"}


def test_an_rndc_that_hangs_is_bounded_and_undone(site: Site, tmp_path: Path) -> None:
    site.setting("rndc_timeout = 0.5")
    site.impatient()
    site.ok("block", "held.example")
    rules = site.block_list.read_bytes()
    folder = tmp_path / "bin"
    folder.mkdir()
    began = time.monotonic()
    failed = site.cli("block", "new.example", env=hanging_rndc(folder))
    assert time.monotonic() - began < 15
    assert failed.status == 5, failed
    assert "rndc did not end within 0.5 s" in failed.stderr
    assert site.block_list.read_bytes() == rules
    assert site.answers(("held.example", "new.example")) == {
        "held.example": "NXDOMAIN",
        "new.example": REAL,
    }
    site.ok("block", "new.example")
    assert site.answer("new.example") == "NXDOMAIN"


def test_a_named_that_hangs_is_told_within_bounds_and_nothing_is_lost(site: Site) -> None:
    site.setting("rndc_timeout = 1.0")
    site.impatient()
    site.ok("block", "held.example")
    rules = site.block_list.read_bytes()
    site.named.signal(signal.SIGSTOP)
    try:
        began = time.monotonic()
        failed = site.cli("block", "new.example")
        assert time.monotonic() - began < 30
    finally:
        site.named.signal(signal.SIGCONT)
    assert failed.status in {1, 5}, failed
    assert "Traceback" not in failed.stderr
    assert site.block_list.read_bytes() == rules
    site.ok("apply")
    assert site.answers(("held.example", "new.example")) == {
        "held.example": "NXDOMAIN",
        "new.example": REAL,
    }


def test_a_named_that_is_down_is_told_and_takes_all_up_when_it_is_back(site: Site) -> None:
    site.ok("block", "held.example")
    site.named.stop()
    before = site.files()
    failed = site.cli("block", "new.example")
    assert (failed.status, "is named running" in failed.stderr) == (1, True)
    assert site.files() == before, "what cannot be proved is not published"
    site.ok("block", "later.example", "--no-apply")
    site.named.start()
    assert site.answer("held.example") == "NXDOMAIN"
    site.ok("apply")
    assert site.answer("later.example") == "NXDOMAIN"


def published(site: Site) -> int:
    manifest = json.loads((site.output / "current" / "manifest.json").read_text())
    return int(manifest["zones"]["local.rpz"]["serial"])


def many_blocks(site: Site, count: int) -> None:
    serial = published(site)
    for number in range(count):
        site.ok("block", f"n{number}.example")
        now = published(site)
        assert now > serial, "serials rise"
        serial = now
    assert len(list((site.output / "generations").iterdir())) <= 10, "old ones are pruned"
    assert {REAL} == set(site.answers([f"m{n}.example" for n in range(5)]).values())
    names = [f"n{number}.example" for number in range(count)]
    assert {"NXDOMAIN"} == set(site.answers(names).values())
    checked = subprocess.run(
        [find("named-checkzone"), "local.rpz", site.output / "current" / "local.rpz.zone"],
        capture_output=True,
        check=False,
    )
    assert checked.returncode == 0, checked


def test_many_blocks_in_a_loop(site: Site) -> None:
    many_blocks(site, LOOPS)


@pytest.mark.slow
def test_a_thousand_blocks_in_a_loop(site: Site) -> None:
    many_blocks(site, 1000)


def test_a_disk_that_is_full_of_the_state_folder_changes_nothing(site: Site) -> None:
    site.ok("block", "held.example")
    kept = site.home / "kept"
    site.state.rename(kept)
    with mounted(site.state, "-o", "size=64k"):
        subprocess.run(["cp", "-a", f"{kept}/.", site.state], check=True)
        with contextlib.suppress(OSError):
            (site.state / "filler").write_bytes(bytes(1 << 17))
        before = site.files()
        failed = site.cli("block", "new.example")
        assert failed.status == 1, failed
        assert "No space left on device" in failed.stderr
        assert site.files() == before
        (site.state / "filler").unlink()
        site.ok("block", "new.example")
    until(lambda: site.answer("new.example") == "NXDOMAIN", "it is blocked", 5)


def untold(line: str, *, fault: bool) -> None:
    assert line
    assert not fault


def test_a_clock_that_is_set_back_a_day_loses_nothing(site: Site) -> None:
    """Serials rise, feeds are fetched, generations stay in order; what had not expired has not."""
    feed = local(site, "one", b"0.0.0.0 a.bad.example\n", every="1h")
    site.setting("[policy]\nkeep_days = 3")
    site.ok("block", "before.example", "--expires", "12h")
    site.ok("sync")
    before = (site.serial(), site.serial("malware.rpz"))
    settings = config.load(site.config)
    resolvers = tuple(kinds.of(settings, each) for each in settings.resolver)
    run = Run(settings, datetime.now(UTC) - timedelta(days=1), resolvers)
    feed.write_bytes(b"0.0.0.0 b.bad.example\n")
    with site.block_list.open("a") as file:
        file.write("after.example\n")
    done = sync.sync(run, (), (), untold)
    assert done.outcome.proven
    assert site.serial() > before[0]
    assert site.serial("malware.rpz") > before[1], "the feed was fetched: its record is of tomorrow"
    for name in ("before.example", "after.example", "b.bad.example"):
        assert site.answer(name) == "NXDOMAIN"
    assert site.answer("a.bad.example") == REAL
    assert len(site.ok("history", "--json").json()["generations"]) == int(site.current)
    site.ok("block", "again.example")
    assert site.answer("again.example") == "NXDOMAIN"
    assert site.ok("status", "--json").json()["live"]
