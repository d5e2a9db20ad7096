"""The evaluator against BIND, in a network namespace: random policies, random queries."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.servers import find

ROOT = Path(__file__).parents[2]
ROUNDS = 6
MANY = 70
"""rounds of `make test-differential`: more than 20,000 comparisons"""


def isolated() -> list[str]:
    """Return what a command begins with to run in a network namespace; skip where none is made."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip are not installed (Debian: util-linux, iproute2)")
    words = ["unshare", "--net"] + ["--map-root-user"] * (os.geteuid() != 0)
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a network namespace cannot be made here")
    return words


def compare(folder: Path, seeds: Iterable[int]) -> None:
    find("named")
    numbers = [str(seed) for seed in seeds]
    done = subprocess.run(
        [*isolated(), sys.executable, "-m", "tests.differential.bind", str(folder), *numbers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["first"] == [], f"{found['differences']} of {found['compared']}"
    assert found["compared"] == 300 * len(numbers)


def test_the_evaluator_says_what_bind_does(tmp_path: Path) -> None:
    compare(tmp_path, range(ROUNDS))


@pytest.mark.differential
def test_the_evaluator_says_what_bind_does_in_many_rounds(tmp_path: Path) -> None:
    compare(tmp_path, range(1000, 1000 + MANY))
