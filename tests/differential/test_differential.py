"""The evaluator against real resolvers, in a network namespace: random policies and queries."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from rpzctl import differences
from tests.conformance.daemons import DAEMONS, installed
from tests.differential import cases, table
from tests.differential.compare import QUERIES
from tests.differential.engines import ENGINES

ROOT = Path(__file__).parents[2]
MANY = 70
"""rounds of `make test-differential`: more than 20,000 comparisons with each kind"""
KINDS = pytest.mark.parametrize("kind", list(ENGINES))


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a folder with a short path: sockets in it have paths of 107 octets at most."""
    with tempfile.TemporaryDirectory(prefix="rpzctl-") as folder:
        yield Path(folder)


def isolated() -> list[str]:
    """Return what a command begins with to run in a network namespace; skip where none is made."""
    if shutil.which("unshare") is None or shutil.which("ip") is None:
        pytest.skip("unshare and ip are not installed (Debian: util-linux, iproute2)")
    words = ["unshare", "--net"] + ["--map-root-user"] * (os.geteuid() != 0)
    if subprocess.run([*words, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("a network namespace cannot be made here")
    return words


def run(module: str, *arguments: object) -> Any:  # noqa: ANN401 - a document
    """Return what a module of these prints, run in a network namespace."""
    done = subprocess.run(
        [*isolated(), sys.executable, "-m", f"tests.differential.{module}", *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def needed(kind: str) -> None:
    """Skip the test where the resolver or the internet's named is not installed; in CI fail it."""
    for each in DAEMONS:
        if each.kind in {kind, "bind"}:
            installed(each)


def compare(kind: str, folder: Path, seeds: Sequence[int]) -> dict[str, int]:
    """Compare with policies of `seeds`; return how many answers each known difference explains."""
    needed(kind)
    found = run("compare", kind, folder, *seeds)
    assert found["first"] == [], f"{found['differences']} of {found['compared']}"
    assert found["compared"] == QUERIES * len(seeds)
    explained: dict[str, int] = found["explained"]
    return explained


@KINDS
def test_the_evaluator_says_what_resolvers_do(kind: str, home: Path) -> None:
    explained = compare(kind, home, [20])
    assert kind != "bind" or explained == {}


@pytest.mark.differential
@KINDS
def test_the_evaluator_says_what_resolvers_do_in_many_rounds(kind: str, home: Path) -> None:
    explained = compare(kind, home, range(1000, 1000 + MANY))
    predicted = {each.id for each in differences.DIFFERENCES[kind] if each.change}
    assert predicted == explained.keys(), "what is documented is seen"


@KINDS
def test_each_difference_has_a_case_that_shows_it(kind: str, home: Path) -> None:
    about = cases.of(kind)
    if kind != "bind":
        documented = {each.id for each in differences.DIFFERENCES[kind]}
        assert documented <= {case.difference for case in about}
        assert any(case.others[kind] != case.bind for case in about)
    needed(kind)
    got = run("cases", home, kind)[kind]
    for case, said in zip(about, got, strict=True):
        assert list(case.bind if kind == "bind" else case.others[kind]) == said, case


@pytest.mark.differential
@KINDS
def test_the_conformance_table_is_what_is_seen(kind: str, home: Path) -> None:
    needed(kind)
    written = json.loads(table.FILE.read_text(encoding="utf-8"))
    assert written[kind] == run("table", "--seen", home, kind), "make conformance"
