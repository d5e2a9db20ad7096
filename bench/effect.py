"""From "a feed has a new name" to "the resolver blocks it", and back, with and without fresh zones.

The group is of one feed; the sync that fetches the change is a part of the time, its proof is not:
the resolver is asked without end, and what counts is the first answer that is as it should be.
"""

import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

import inputs
from measure import ENVIRONMENT, RPZCTL, Line

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Site, live_site

_DEFINITION = (
    'url = "file://{}"\nformat = "domains"\nzone = "malware"\nenabled = true\nmax_change = 0\n'
)
_PATIENCE = 300.0
_MANY = 1_000_000


def measure(home: Path, count: int) -> list[Line]:
    """Return the figures for a feed of `count` names on a named of its own."""
    listed = inputs.names(count)
    figures = []
    home.mkdir(parents=True)
    for fresh in (True, False):
        with live_site(home / ("fresh" if fresh else "plain")) as site:
            site.setting(f"timeout = {_PATIENCE}\n[policy]\nfresh_from = {int(fresh)}")
            figures.append(_effects(site, listed))
    rows = []
    for what, ours, plain in zip(("added", "removed"), *figures, strict=True):
        title = f"a name {what} in a feed of {count:,}, until the resolver answers so"
        rows.append(Line(title, ours, "one plain zone", plain, 0.2))
    return rows


def _effects(site: Site, listed: list[str]) -> tuple[float, float]:
    """Return the seconds until an added and until a removed name has effect."""
    feed = site.home / "feed.txt"
    feed.write_text("\n".join(listed) + "\n", encoding="ascii")
    (site.repo / "feeds/big.toml").write_text(_DEFINITION.format(feed))
    site.ok("sync")
    added, removed = [], []
    turns = 3 if len(listed) >= _MANY else 1
    for turn in range(turns):
        new = f"new{turn}.case.example"
        gone = listed[turn * 1000 + 7]
        kept = [name for name in listed if name != gone]
        added.append(_until(site, feed, [*listed, new], new, "NXDOMAIN"))
        removed.append(_until(site, feed, kept, gone, "192.0.2.1"))
    return statistics.median(added), statistics.median(removed)


def _until(site: Site, feed: Path, listed: list[str], name: str, wanted: str) -> float:
    """Publish the feed anew and sync; return when `name` has the answer that is `wanted`."""
    seen: list[float] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.is_set() and not seen:
            if site.answer(name) == wanted:
                seen.append(time.perf_counter())
            time.sleep(0.01)

    feed.write_text("\n".join(listed) + "\n", encoding="ascii")
    watcher = threading.Thread(target=watch)
    begun = time.perf_counter()
    watcher.start()
    command = [*RPZCTL, "--config", str(site.config), "sync"]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    time.sleep(0.05)
    ended.set()
    watcher.join()
    if done.returncode or not seen:
        raise RuntimeError(f"{name} is not {wanted}: {done.stdout}{done.stderr}")
    return seen[0] - begun
