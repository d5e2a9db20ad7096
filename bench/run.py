"""Measure what rpzctl promises, as ratios within one run, and print them as a table.

    python bench/run.py --names 1000000

Each figure is the median of several runs; absolute times are of this machine, at this moment.
"""

import argparse
import os
import platform
import random
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import effect
import inputs
import resolver
from measure import RPZCTL, Line, medians, timed

import feeds

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Site, live_site

OUT = Path(__file__).parent / "out"
RULES = 2000
PROMISED = 1_000_000
"""the size for which a ratio to `sort -u` is promised; smaller feeds pay for starting up"""


DYNAMIC = """\
zone "dynamic.test" {{ type primary; file "{}"; allow-update {{ 127.0.0.1; }}; }};
"""


class Place(NamedTuple):
    """A policy repo and a private named, as the tests have them."""

    site: Site

    @property
    def home(self) -> Path:
        """The folder of everything."""
        return self.site.home

    @property
    def port(self) -> int:
        """Where named answers."""
        return self.site.named.port

    def rpzctl(self, *words: str, **environment: str) -> float:
        """Run rpzctl; return the seconds that it took. Fails when it does."""
        return timed([*RPZCTL, "--config", str(self.site.config), *words], **environment)


@contextmanager
def place(home: Path) -> Iterator[Place]:
    """Give a place in `home` whose named has a small dynamic zone, too."""
    shutil.rmtree(home, ignore_errors=True)
    with live_site(home) as site:
        zone = home / "dynamic.zone"
        zone.write_text("$TTL 60\n@ SOA localhost. a.localhost. 1 60 60 60 60\n@ NS localhost.\n")
        site.named.stop()
        site.include(zones=DYNAMIC.format(zone))
        site.named.start()
        yield Place(site)


def start_up() -> Line:
    """Measure `rpzctl --version` against importing Typer."""
    ours, typer = medians(
        9,
        lambda _: timed([*RPZCTL, "--version"]),
        lambda _: timed([sys.executable, "-c", "import typer"]),
    )
    return Line("`rpzctl --version`", ours, "`python -c 'import typer'`", typer, 3)


def quick_lane(here: Place, count: int) -> Line:
    """Measure a block, proved live, against nsupdate and dig on a small zone of the same named."""
    many = here.home / "many.txt"
    many.write_text("".join(f"n{i}.case{i % 97}.example\n" for i in range(RULES)))
    here.rpzctl("block", "--from", str(many), "--reason", "bench")

    def block(turn: int) -> float:
        return here.rpzctl("block", f"fresh{turn}.example")

    def update(turn: int) -> float:
        name = f"fresh{turn}.dynamic.test"
        port = str(here.port)
        text = (
            f"server 127.0.0.1 {port}\nzone dynamic.test\nupdate add {name} 60 A 127.0.0.1\nsend\n"
        )
        return timed(["nsupdate"], stdin=text) + timed(
            ["dig", "+short", "@127.0.0.1", "-p", port, name]
        )

    os.sync()  # what the feed wrote is no part of a block's own waits for the disk
    feed = _zone_file(here).stat().st_ino
    ours, theirs = medians(15, block, update)
    if _zone_file(here).stat().st_ino != feed:
        raise RuntimeError("block rewrote the feed's zone")
    what = f"`rpzctl block NAME` until proved; {RULES} rules, feed zone of {count:,} names"
    return Line(what, ours, "`nsupdate` + `dig`", theirs, 6)


def _zone_file(here: Place) -> Path:
    return (here.site.output / "current/malware.rpz.zone").resolve()


def bulk_lane(here: Place, listed: list[str]) -> list[Line]:
    """Measure the sync of a changed hosts file until published, against `sort -u` of the file."""
    feed = here.home / "feed.hosts"
    inputs.write_hosts(feed, listed)
    definition = 'url = "file://{}"\nformat = "hosts"\nzone = "malware"\nenabled = true\n'
    (here.site.repo / "feeds/big.toml").write_text(definition.format(feed))
    here.rpzctl("sync", "--no-reload")
    chance = random.Random(1)
    tools = here.home / "no-tools"
    tools.mkdir()

    def change() -> None:
        kept = [name for name in listed if chance.random() > 0.001]
        inputs.write_hosts(feed, kept)

    def published(**environment: str) -> float:
        change()
        start = time.time()
        here.rpzctl("sync", "--no-reload", **environment)
        return os.lstat(here.site.output / "current").st_mtime - start

    def own(_: int) -> float:
        return published(PATH=str(tools))

    def whole(_: int) -> float:
        return published()

    def sort(_: int) -> float:
        command = ["sort", "-u", "-o", "/dev/null", str(feed)]
        return timed(command, LC_ALL="C")

    def checkzone(_: int) -> float:
        options = ["-q", "-k", "ignore", "-i", "none", "-n", "ignore", "-m", "ignore"]
        return timed(["named-checkzone", *options, "malware.rpz", str(_zone_file(here))])

    ours, both, floor, zone = medians(5, own, whole, sort, checkzone)
    most = 5 if len(listed) >= PROMISED else None
    what = f"`rpzctl sync`, hosts file of {len(listed):,} lines, 0.1 % changed, until published"
    return [
        Line(f"{what}, own checks", ours, "`LC_ALL=C sort -u`", floor, most),
        Line(f"{what}, and `named-checkzone`", both, "`LC_ALL=C sort -u`", floor, None),
        Line(f"{what}, and `named-checkzone`", both, "`named-checkzone` alone", zone, None),
    ]


def main() -> None:
    """Run everything and print the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--names", type=int, default=100_000, metavar="N")
    count = options.parse_args().names
    listed = inputs.names(count)
    lines = [start_up()]
    with place(OUT) as here:
        lines += bulk_lane(here, listed)
        here.rpzctl("apply", "--wait", "600")
        lines.append(quick_lane(here, count))
        more, most = feeds.measure(OUT / "six", count)
        lines += more
    lines += resolver.measure(OUT / "resolver", count)
    if count >= PROMISED:  # a small zone is loaded at once either way
        lines += effect.measure(OUT / "effect", count)
    named = subprocess.run(["named", "-v"], capture_output=True, text=True, check=False)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{datetime.now(UTC):%Y-%m-%d}, {platform.machine()}, {_cores()} cores, ", end="")
    print(f"Python {platform.python_version()}, {named.stdout.partition(' (')[0].strip()}.")
    print(f"Largest process, named included: {peak:.0f} MB; a sync of six feeds: {most:.0f} MB.\n")
    print("| what | time | against | ratio | promised |\n|---|---|---|---|---|")
    for line in lines:
        print(line.text())
    shutil.rmtree(OUT)


def _cores() -> int:
    return len(os.sched_getaffinity(0))


if __name__ == "__main__":
    main()
