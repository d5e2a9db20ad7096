"""Whether what people type at slows down with the size of the feeds: 1,000 names against many.

    python bench/flat.py --names 10000000

Both places have a named of their own that has loaded its zones, and take turns.
"""

import random
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from measure import Line, alone, medians, timed
from place import Place, place

FEW = 1_000
MOST = 1.3
_DEFINITION = 'url = "{url}"\nformat = "hosts"\nzone = "malware"\nenabled = true\n'


def filled(here: Place, count: int) -> None:
    """Give `here` a feed of `count` names, published and live."""
    feed = here.home / "feed.hosts"
    with feed.open("w", encoding="ascii") as out:
        out.writelines(f"0.0.0.0 n{n:x}.case{n % 977}.example\n" for n in range(count))
    (here.site.repo / "feeds/big.toml").write_text(_DEFINITION.format(url=feed.as_uri()))
    with here.site.config.open("a", encoding="utf-8") as out:
        out.write("timeout = 900.0\n[fetch]\noctets = 2000000000\nunpacked = 2000000000\n")
    here.rpzctl("sync", "--wait", "900")


def measure(home: Path, count: int, turns: int = 9) -> list[Line]:
    """Return a line for each command: with `count` names, and with few."""
    with ExitStack() as open_places:
        large, small = (
            open_places.enter_context(place(home / name)) for name in ("large", "small")
        )
        filled(small, FEW)
        filled(large, count)
        commands: dict[str, Callable[[Place, int], float]] = {
            "block NAME": lambda at, turn: at.rpzctl("block", f"fresh{turn}.example"),
            "allow NAME": lambda at, turn: at.rpzctl("allow", f"good{turn}.example"),
            "why NAME": lambda at, turn: at.rpzctl("why", f"n{turn:x}.case{turn}.example"),
            "status": lambda at, _: at.rpzctl("status"),
        }
        lines = []
        for what, command in commands.items():
            ours, theirs = medians(turns, partial(command, large), partial(command, small))
            title = f"`rpzctl {what}`, {count:,} names in feeds"
            lines.append(Line(title, ours, f"{FEW:,} names", theirs, MOST))
        return [*lines, query(large, count, turns), *exports(large, count)]


def query(here: Place, count: int, turns: int) -> Line:
    """Measure what becomes of one query, against importing Typer."""
    ours, typer = medians(
        turns,
        lambda turn: here.rpzctl("test", f"www.n{turn:x}.case{turn}.example"),
        lambda _: timed([sys.executable, "-c", "import typer"]),
    )
    what = f"`rpzctl test NAME`, {count:,} names in feeds"
    return Line(what, ours, "`python -c 'import typer'`", typer, 3)


def exports(here: Place, count: int) -> Iterator[Line]:
    """Measure the policy written for other programs, against sorting the names in any order."""
    out, shuffled = here.home / "exported", here.home / "shuffled"
    lines = (here.home / "feed.hosts").read_text(encoding="ascii").splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    shuffled.write_text("".join(lines), encoding="ascii")
    sort = ["sort", "-u", "--parallel=1", "-o", "/dev/null", str(shuffled)]

    def export(form: str, _: int) -> float:
        return here.rpzctl("export", "--format", form, "--output", str(out))

    for form in ("rpz", "dnsmasq", "json"):
        ours, floor = medians(3, partial(export, form), lambda _: timed(sort, LC_ALL="C"))
        what = f"`rpzctl export --format {form}`, {count:,} names"
        yield Line(what, ours, "`LC_ALL=C sort -u`, one thread", floor, None)


if __name__ == "__main__":
    alone(__doc__, measure, 10_000_000)
