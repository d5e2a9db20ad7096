"""The bulk lane over six feeds of mixed formats, fetched by HTTP from loopback."""

import random
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

import inputs
from measure import RPZCTL, Line, peak, timed

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.publisher import Publisher, publishing

_LIMITS = {1_000_000: 4.0, 5_000_000: 2.5, 10_000_000: 2.5}
_DEFINITION = """\
url = "{url}"
format = "{form}"
zone = "{zone}"
plain_http = true
enabled = true
max_change = 0
{more}
"""


class Repo:
    """A policy repo without a resolver, whose six feeds a publisher gives."""

    def __init__(
        self,
        home: Path,
        feeds: dict[str, tuple[str, bytes]],
        publisher: Publisher,
        *,
        apart: bool = False,
        fresh: bool = True,
    ) -> None:
        """Make it; if `apart`, each feed has a zone of its own; `fresh`: fresh zones are on."""
        self.home = home
        self.publisher = publisher
        self.turn = 0
        self.most = 0.0
        shutil.rmtree(home, ignore_errors=True)
        output, state = str(home / "output"), str(home / "state")
        timed([*RPZCTL, "init", str(home / "repo"), "--output", output, "--state", state])
        with (home / "repo/rpzctl.toml").open("a", encoding="utf-8") as out:
            out.write(f"[policy]\nfresh_from = {100_000 if fresh else 0}\n")
        for name, (form, text) in feeds.items():
            more = "column = 2\n" if form == "csv" else ""
            url = publisher.gives(f"/{name}", text, etag='"0"')
            zone = name if apart else "malware"
            definition = _DEFINITION.format(url=url, form=form, more=more, zone=zone)
            (home / f"repo/feeds/{name}.toml").write_text(definition)

    def gives(self, name: str, text: bytes) -> None:
        """Publish another version of a feed."""
        self.turn += 1
        self.publisher.gives(f"/{name}", text, etag=f'"{self.turn}"')

    def sync(self, **environment: str) -> float:
        """Sync without a resolver; return the seconds."""
        config = str(self.home / "repo/rpzctl.toml")
        command = [*RPZCTL, "--config", config, "sync", "--no-reload"]
        took, most = peak(command, **environment)
        self.most = max(self.most, most)
        return took

    def generations(self) -> list[Path]:
        """Return the folders of what was published."""
        return list((self.home / "output/generations").glob("[0-9]*"))

    @property
    def zone(self) -> Path:
        """The zone file that is published."""
        return (self.home / "output/current/malware.rpz.zone").resolve()


def measure(home: Path, count: int) -> tuple[list[Line], float]:
    """Return the figures for six feeds that list `count` names together, and the most MB."""
    feeds = inputs.six_feeds(count)
    home.mkdir(parents=True)
    listed = home / "listed.txt"
    listed.write_bytes(inputs.names_in(feeds))
    tools = home / "no-tools"
    tools.mkdir()
    own = {"PATH": str(tools)}
    turns = 3 if count <= 1_000_000 else 1
    cold, floors, one, none, zones = [], [], [], [], []
    apart: list[tuple[float, float]] = []
    chance = random.Random(5)
    lines = feeds["domains"][1].splitlines(keepends=True)

    def changed() -> bytes:
        return b"".join(line for line in lines if chance.random() > 0.001)

    with publishing() as publisher:
        for _ in range(turns):
            repo = Repo(home / "cold", feeds, publisher)
            cold.append(repo.sync(**own))
            command = ["sort", "--parallel=1", "-u", "-o", "/dev/null", str(listed)]
            floors.append(timed(command, LC_ALL="C"))
            options = ["-q", "-k", "ignore", "-i", "none", "-n", "ignore", "-m", "ignore"]
            zones.append(timed(["named-checkzone", *options, "malware.rpz", str(repo.zone)]))
            repo.gives("domains", changed())
            one.append(repo.sync(**own))
            none.append(repo.sync(**own))
            other = Repo(home / "apart", feeds, publisher, apart=True)
            whole = other.sync(**own)
            other.gives("domains", changed())
            apart.append((whole, other.sync(**own)))
            repo.most = max(repo.most, other.most)
    records = subprocess.run(
        ["grep", "-c", "CNAME", str(repo.zone)], capture_output=True, text=True, check=True
    )
    ours, floor, zone = map(statistics.median, (cold, floors, zones))
    typer = statistics.median(timed([sys.executable, "-c", "import typer"]) for _ in range(5))
    what = f"six feeds, {count:,} names, {int(records.stdout):,} records"
    several = "the same, one of six changed by 0.1 %"
    whole, part = (statistics.median(column) for column in zip(*apart, strict=True))
    large = count >= min(_LIMITS)  # smaller feeds pay for starting up
    rows = [
        Line(f"{what}: all new", ours, "`sort -u`, one thread", floor, _LIMITS.get(count)),
        Line(f"{what}: all new", ours, "`named-checkzone` alone", zone, None),
        Line(several, statistics.median(one), "all new", ours, 0.45 if large else None),
        Line(f"{several}, each with its own zone", part, "all new", whole, 0.2 if large else None),
        Line("the same, nothing changed", statistics.median(none), "`import typer`", typer, 3),
    ]
    return rows, repo.most
