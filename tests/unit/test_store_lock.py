"""One rpzctl writes at a time; the kernel frees the lock of a process that died."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from rpzctl.errors import Locked
from rpzctl.store import Store

HOLD = """\
import sys
from pathlib import Path
from rpzctl.store import Store
with Store(Path(sys.argv[1]) / "out", Path(sys.argv[1])).lock(0, *sys.argv[2:]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def holder(state: Path, *name: str) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", HOLD, str(state), *name]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
        try:
            assert child.stdout is not None
            assert child.stdout.readline() == "held\n"
            yield child
        finally:
            child.kill()


def test_a_second_process_is_told_who_holds_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path / "out", tmp_path)
    with holder(tmp_path) as child:
        told = rf"another rpzctl \(pid {child.pid}\) is at work"
        with pytest.raises(Locked, match=told) as got, store.lock(0):
            pass
        assert got.value.exit_code == 6
        assert "--wait" in (got.value.fix or "")


def test_a_second_process_waits_as_long_as_it_was_told(tmp_path: Path) -> None:
    store = Store(tmp_path / "out", tmp_path)
    with holder(tmp_path):
        begun = time.monotonic()
        with pytest.raises(Locked, match=r"waited 0\.3 s"), store.lock(0.3):
            pass
        assert 0.3 <= time.monotonic() - begun < 10


@pytest.mark.parametrize("how", ["killed", "ended"])
def test_the_lock_is_free_when_its_holder_is_gone(tmp_path: Path, how: str) -> None:
    store = Store(tmp_path / "out", tmp_path)
    with holder(tmp_path) as child:
        if how == "killed":
            child.kill()
        else:
            assert child.stdin is not None
            child.stdin.close()
        with store.lock(20):
            pass
    with store.lock(0):
        pass


def test_a_waiter_gets_the_lock_as_soon_as_it_is_free(tmp_path: Path) -> None:
    with holder(tmp_path) as child:
        argv = [sys.executable, "-c", HOLD.replace("lock(0", "lock(30"), str(tmp_path)]
        with subprocess.Popen(
            argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as waiter:
            assert child.stdin is not None
            child.stdin.close()
            assert waiter.communicate("", timeout=30)[0] == "held\n"
            assert waiter.returncode == 0


def test_the_two_locks_do_not_hinder_each_other(tmp_path: Path) -> None:
    with holder(tmp_path, "sync.lock"), Store(tmp_path / "out", tmp_path).lock(0):
        pass


def test_a_lock_file_with_anything_in_it_is_no_hindrance(tmp_path: Path) -> None:
    (tmp_path / "lock").write_text("not a pid " * 10)
    with Store(tmp_path / "out", tmp_path).lock(0):
        assert (tmp_path / "lock").read_text().strip().isdigit()


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path / "out", tmp_path)
    with pytest.raises(RuntimeError, match="oh"), store.lock(0):
        raise RuntimeError("oh")
    with store.lock(0):
        pass
