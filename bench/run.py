"""Measure what rpzctl promises, as ratios within one run, and print them as a table.

    python bench/run.py --names 1000000

Each figure is the median of several runs; absolute times are of this machine, at this moment.
"""

import argparse
import os
import random
import shutil
import sys
import time
from pathlib import Path

import effect
import flat
import inputs
import resolver
from measure import RPZCTL, Line, about, medians, timed
from place import Place, place

import feeds

OUT = Path(__file__).parent / "out"
TABLE = OUT / "table.md"
"""what was printed, to be pasted"""
RULES = 2000
PROMISED = 1_000_000
"""the size for which a ratio to `sort -u` is promised; smaller feeds pay for starting up"""


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

    ours, both, floor, zone = medians(3, own, whole, sort, checkzone)
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
    lines += flat.measure(OUT / "flat", count, 3)
    lines += resolver.measure(OUT / "resolver", count)
    if count >= PROMISED:  # a small zone is loaded at once either way
        lines += effect.measure(OUT / "effect", count)
    text = about(lines) + f"\nThe most memory of a sync of the six feeds: {most:.0f} MB.\n"
    print(text, end="")
    shutil.rmtree(OUT)
    OUT.mkdir()
    TABLE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
