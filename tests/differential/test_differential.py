"""The evaluator against real resolvers, in a network namespace: random policies and queries."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from rpzctl import differences
from tests.conformance.daemons import DAEMONS, installed
from tests.differential.compare import QUERIES

ROOT = Path(__file__).parents[2]
ROUNDS = {"bind": 4, "unbound": 1, "pdns-recursor": 1, "knot": 1}
MANY = 70
"""rounds of `make test-differential`: more than 20,000 comparisons with each kind"""
KINDS = pytest.mark.parametrize("kind", list(ROUNDS))


def isolated() -> list[str]:
    """Return what a command begins with to run in a network namespace; skip where none is made."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip are not installed (Debian: util-linux, iproute2)")
    words = ["unshare", "--net"] + ["--map-root-user"] * (os.geteuid() != 0)
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a network namespace cannot be made here")
    return words


def compare(kind: str, folder: Path, seeds: Iterable[int]) -> dict[str, int]:
    """Compare with policies of `seeds`; return how many answers each known difference explains."""
    installed(next(each for each in DAEMONS if each.kind == kind))
    numbers = [str(seed) for seed in seeds]
    done = subprocess.run(
        [*isolated(), sys.executable, "-m", "tests.differential.compare", kind, folder, *numbers],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["first"] == [], f"{found['differences']} of {found['compared']}"
    explained: dict[str, int] = found["explained"]
    assert found["compared"] == QUERIES * len(numbers) - explained.get("shared", 0)
    return explained


@KINDS
def test_the_evaluator_says_what_resolvers_do(kind: str, tmp_path: Path) -> None:
    explained = compare(kind, tmp_path, range(20, 20 + ROUNDS[kind]))
    assert kind != "bind" or explained == {}


@pytest.mark.differential
@KINDS
def test_the_evaluator_says_what_resolvers_do_in_many_rounds(kind: str, tmp_path: Path) -> None:
    explained = compare(kind, tmp_path, range(1000, 1000 + MANY))
    always = {each.id for each in differences.DIFFERENCES[kind] if not each.sometimes}
    assert always <= explained.keys(), "what is documented is seen"
