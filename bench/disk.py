"""What ten generations of a large policy cost on disk, against one of them.

    python bench/disk.py --names 5000000

Ten times, one of six feeds changes by 0.1 %, and the policy is made anew.
"""

import random
import shutil
from pathlib import Path

import inputs
from measure import Line, alone

from feeds import Repo
from tests.publisher import publishing

GENERATIONS = 10
MOST = 2.0
_MEGABYTE = 1_000_000


def used(*folders: Path) -> float:
    """Return the megabytes of disk that the files below `folders` take, linked ones once."""
    seen = {
        (stat.st_dev, stat.st_ino): stat.st_blocks * 512
        for folder in folders
        for path in folder.rglob("*")
        if not path.is_symlink()
        for stat in [path.lstat()]
    }
    return sum(seen.values()) / _MEGABYTE


def measure(home: Path, count: int) -> list[Line]:
    """Return what ten generations take, with fresh zones and without."""
    feeds = inputs.six_feeds(count)
    chance = random.Random(5)
    text = feeds["domains"][1].splitlines(keepends=True)
    lines = []
    with publishing() as publisher:
        for fresh in (True, False):
            repo = Repo(home / ("fresh" if fresh else "plain"), feeds, publisher, fresh=fresh)
            repo.sync()
            one = used(repo.home / "output")
            while len(repo.generations()) < GENERATIONS:
                repo.gives("domains", b"".join(x for x in text if chance.random() > 0.001))
                repo.sync()
            ten = used(repo.home / "output")
            how = "with fresh zones" if fresh else "one plain zone"
            what = f"{GENERATIONS} generations of {count:,} names, each 0.1 % of a feed on, {how}"
            limit = MOST if fresh else None
            lines.append(Line(what, ten, "one generation", one, limit, "MB"))
            state = used(repo.home / "state")
            lines.append(
                Line(
                    f"copies and ledgers beside them, {how}",
                    state,
                    "one generation",
                    one,
                    None,
                    "MB",
                )
            )
            shutil.rmtree(repo.home)
    return lines


if __name__ == "__main__":
    alone(__doc__, measure, 5_000_000)
