"""How things are measured: programs timed, medians, and lines of a table."""

import argparse
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Literal, NamedTuple

# An installation has its modules compiled; a checkout must be allowed to keep them compiled, too.
ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
RPZCTL = [str(Path(sys.executable).with_name("rpzctl"))]


def timed(argv: list[str], *, stdin: str = "", **environment: str) -> float:
    """Run `argv`; return the seconds that it took. Raises when it fails."""
    start = time.perf_counter()
    done = subprocess.run(
        argv,
        input=stdin,
        env={**ENVIRONMENT, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - start
    if done.returncode != 0:
        raise RuntimeError(f"{argv}: exit {done.returncode}\n{done.stdout}{done.stderr}")
    return took


def peak(argv: list[str], **environment: str) -> tuple[float, float]:
    """Run `argv`; return the seconds that it took, and the most memory of its process in MB.

    That is the kernel's high-water mark (VmHWM), looked at all along: what `wait4` tells counts
    the memory of the process that started it, too.
    """
    with tempfile.TemporaryFile() as out:
        start = time.perf_counter()
        child = subprocess.Popen(
            argv, env={**ENVIRONMENT, **environment}, stdout=out, stderr=subprocess.STDOUT
        )
        most = 0.0
        while child.poll() is None:
            most = max(most, _high_water(child.pid))
            time.sleep(0.005)
        took = time.perf_counter() - start
        if child.returncode != 0:
            out.seek(0)
            raise RuntimeError(f"{argv}: exit {child.returncode}\n{out.read().decode()}")
    return took, most


def _high_water(pid: int) -> float:
    try:
        told = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return 0.0
    found = re.search(r"^VmHWM:\s+([0-9]+) kB", told, re.MULTILINE)
    return int(found[1]) / 1024 if found else 0.0


class Line(NamedTuple):
    """One line of the table: what, how long (or how large), held against what, and the most."""

    what: str
    amount: float
    against: str
    reference: float
    most: float | None
    unit: Literal["s", "MB"] = "s"

    def text(self) -> str:
        """Return it as a row of Markdown."""
        ratio = self.amount / self.reference
        limit = f"at most {self.most:g}" if self.most else "-"
        ours, theirs = map(self._shown, (self.amount, self.reference))
        return f"| {self.what} | {ours} | {self.against} {theirs} | **{ratio:.1f}** | {limit} |"

    def _shown(self, amount: float) -> str:
        return _time(amount) if self.unit == "s" else f"{amount:.1f} MB"


def about(lines: Iterable[Line]) -> str:
    """Return the table as Markdown, with what it was measured on."""
    named = subprocess.run(["named", "-v"], capture_output=True, text=True, check=False).stdout
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    head = (
        f"{datetime.now(UTC):%Y-%m-%d}, {_processor()}, {len(os.sched_getaffinity(0))} cores,"
        f" {memory:.0f} GiB, rpzctl {version('rpzctl')}, Python {platform.python_version()}, "
        f"{named.partition(' (')[0].strip()}.\n\n"
        "| what | time | against | ratio | promised |\n|---|---|---|---|---|\n"
    )
    return head + "".join(f"{line.text()}\n" for line in lines)


def _processor() -> str:
    """Return what the kernel calls the processor, without its clock; else its architecture."""
    try:
        told = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        told = ""
    found = re.search(r"^model name\s*:\s*([^@\n]+)", told, re.MULTILINE)
    model = re.sub(r"\((R|TM)\)", "", found[1]).strip() if found else ""
    return f"{model} ({platform.machine()})" if model else platform.machine()


def alone(said: str | None, measure: Callable[[Path, int], list[Line]], names: int) -> None:
    """Measure in a folder of its own, with so many names or as many as ``--names`` says; print."""
    options = argparse.ArgumentParser(description=said)
    options.add_argument("--names", type=int, default=names, metavar="N")
    count = options.parse_args().names
    with tempfile.TemporaryDirectory(prefix="rpzctl-bench-") as home:
        lines = measure(Path(home), count)
    print(about(lines), end="")


def _time(seconds: float) -> str:
    if seconds < 0.01:
        return f"{seconds * 1000:.2f} ms"
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.2f} s"


def medians(times: int, *measures: Callable[[int], float]) -> list[float]:
    """Return the median of each measure; they take turns, so that noise meets all alike."""
    rounds = [[measure(turn) for measure in measures] for turn in range(times)]
    return [statistics.median(column) for column in zip(*rounds, strict=True)]
