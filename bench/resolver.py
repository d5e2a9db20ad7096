"""What a large policy zone costs named, and those who ask it meanwhile: text against raw.

The zone is replaced by one with a name more, as a feed update does. Its file and the statement in
named.conf are those that rpzctl writes.
"""

import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import NamedTuple

import inputs
from measure import RPZCTL, Line, timed

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.servers import Site, live_site

ORIGIN = "large.rpz"
BY_HAND = "blocked-by-hand.example"
ADDED = "zz-added.xyz"
"""the name more, which stands near the end of the zone"""
FORMS = ("text", "raw")
_CHECK = ["-q", "-k", "ignore", "-i", "none", "-n", "ignore", "-m", "ignore", "-r", "ignore"]
_PACE = 0.002
"""seconds between two questions"""
_QUIET = 0.3
"""seconds without work after which named has nothing left to do"""
_PATIENCE = 600.0
_PORTS = 8
"""ports that are asked from, so that each thread of named is met"""
_TICKS = os.sysconf("SC_CLK_TCK")
_DEFINITION = """\
url = "file://{}"
format = "domains"
subdomains = true
zone = "large"
enabled = true
"""


class Effort(NamedTuple):
    """What something took: seconds by the clock, and of the processor."""

    wall: float
    cpu: float


class Waits(NamedTuple):
    """Seconds that queries took."""

    median: float
    worst: float


class Reload(NamedTuple):
    """A replaced zone file, taken in by named."""

    effect: float
    """seconds from `rndc reload` until the canary of the new serial answered"""
    whole: float
    """seconds until the name that is new was blocked"""
    cpu: float
    """seconds of the processor, until named had nothing left to do"""
    operator: Waits
    """for a name of the operator's zone, until the canary answered"""
    large: Waits
    """for a name of the zone that is loaded"""


class Version(NamedTuple):
    """A version of the large zone, in both forms."""

    serial: int
    published: Path
    """the folder with the fragments for named.conf"""
    files: dict[str, Path]
    check: Effort
    """of named-checkzone on the text"""
    conversion: Effort
    """of named-compilezone, text to raw"""


def program(argv: list[str]) -> Effort:
    """Run `argv`; return what it took. Raises when it fails."""
    start = time.perf_counter()
    child = subprocess.Popen(argv)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        raise RuntimeError(f"{argv}: exit {child.returncode}")
    return Effort(time.perf_counter() - start, usage.ru_utime + usage.ru_stime)


def version(home: Path, listed: list[str]) -> Version:
    """Have rpzctl write a zone of the names `listed`, in a policy repo of its own."""
    home.mkdir(parents=True)
    folders = ["--output", str(home / "output"), "--state", str(home / "state")]
    timed([*RPZCTL, "init", str(home / "repo"), *folders])
    settings = home / "repo/rpzctl.toml"
    text = settings.read_text()
    settings.write_text(f'{text}\n[policy]\nserial = "unixtime"\nfresh_from = 0\n')
    feed = home / "feed.txt"
    feed.write_text("".join(f"{name}\n" for name in listed), encoding="ascii")
    (home / "repo/feeds/large.toml").write_text(_DEFINITION.format(feed))
    timed([*RPZCTL, "--config", str(settings), "sync", "--no-reload"])
    zone = home / "output/current" / f"{ORIGIN}.zone"
    files = {form: home / form for form in FORMS}
    shutil.copy(zone, files["text"])
    compiler = ["named-compilezone", *_CHECK, "-F", "raw", "-o", str(files["raw"]), ORIGIN]
    check = program(["named-checkzone", *_CHECK, ORIGIN, str(files["text"])])
    conversion = program([*compiler, str(files["text"])])
    with files["text"].open() as lines:
        soa = next(line for line in lines if " SOA " in line)
    return Version(int(soa.split()[5]), zone.parent, files, check, conversion)


class Questions:
    """Questions to a named, one at a time, their answers timed."""

    def __init__(self, port: int) -> None:
        import dns.message

        self.make = dns.message.make_query
        sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(_PORTS)]
        for each in sockets:
            each.connect(("127.0.0.1", port))
            each.settimeout(60)
        self.sockets: Iterator[socket.socket] = cycle(sockets)

    def ask(self, name: str, kind: str = "A") -> tuple[float, bytes]:
        """Return the seconds until the answer, and the answer."""
        packet = self.make(name, kind, id=7).to_wire()
        chosen = next(self.sockets)
        start = time.perf_counter()
        chosen.send(packet)
        reply = chosen.recv(4096)
        return time.perf_counter() - start, reply

    def live(self, made: Version) -> bool:
        """Tell whether the canary of `made` answers."""
        serial = str(made.serial)
        name = f"s{serial}.{ORIGIN.replace('.', '-')}.rpzctl-canary.invalid"
        text = bytes([len(serial)]) + serial.encode()
        return text in self.ask(name, "TXT")[1]

    def blocked(self, name: str) -> bool:
        """Tell whether `name` is answered by NXDOMAIN."""
        return self.ask(name)[1][3] & 15 == 3  # RFC 1035, section 4.1.1

    def until(self, made: Version, *others: str) -> tuple[float, list[Waits]]:
        """Ask for `others` in turn until the canary of `made` answers.

        Returns the seconds until then, and how long the answers to the others took.
        """
        start = time.perf_counter()
        waits: list[list[float]] = [[] for _ in others]
        while time.perf_counter() - start < _PATIENCE:
            for other, seen in zip(others, waits, strict=True):
                seen.append(self.ask(other)[0])
                time.sleep(_PACE)
            if self.live(made):
                took = time.perf_counter() - start
                return took, [Waits(statistics.median(each), max(each)) for each in waits]
        raise RuntimeError(f"no canary after {_PATIENCE:g} s")


def cpu_seconds(pid: int) -> float:
    """Return what a process has used of the processor so far (proc(5): utime and stime)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def memory(pid: int, what: str) -> float:
    """Return `VmRSS` or `VmHWM` of a process in MB."""
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith(what))


def settled(pid: int) -> float:
    """Return the processor seconds of a process, once it has been quiet for a while."""
    last, since = cpu_seconds(pid), time.monotonic()
    while time.monotonic() - since < _QUIET:
        time.sleep(0.02)
        now = cpu_seconds(pid)
        if now - last > 0.02:
            last, since = now, time.monotonic()
    return cpu_seconds(pid)


class Served:
    """A named that serves the large zone in one form, with the operator's zone in front."""

    def __init__(self, site: Site, form: str) -> None:
        self.site, self.form = site, form
        self.file = site.home / f"served.{form}"

    def put(self, made: Version) -> None:
        """Put a version in the place of the file that named reads."""
        aside = self.file.with_suffix(".new")
        shutil.copyfile(made.files[self.form], aside)
        aside.replace(self.file)

    def start(self, made: Version) -> Effort:
        """Start named on `made`; return what it took until the canary answered, and at all."""
        self.put(made)
        written = (made.published / "zones.conf").read_text()
        statement = re.search(rf'zone "{ORIGIN}" {{.*?^}};', written, re.DOTALL | re.MULTILINE)
        if statement is None:
            raise RuntimeError(f"no statement of {ORIGIN} in {written!r}")
        file = f'file "{self.file}"; masterfile-format {self.form};'
        own = re.sub(r'file ".*?";', file, statement[0])
        options = (made.published / "options.conf").read_text()
        self.site.named.stop()
        current = self.site.output / "current"
        self.site.named.configure(options, f'include "{current}/zones.conf";\n{own}')
        start = time.perf_counter()
        self.site.named.start()
        Questions(self.site.named.port).until(made)
        wall = time.perf_counter() - start
        return Effort(wall, settled(self.pid))

    @property
    def pid(self) -> int:
        """The process."""
        child = self.site.named.child
        if child is None:
            raise RuntimeError("named does not run")
        return child.pid

    def reload(self, made: Version, name: str) -> Reload:
        """Replace the zone by `made`, asking for `name`, which it has, until it has effect."""
        self.put(made)
        questions = Questions(self.site.named.port)
        before = settled(self.pid)
        start = time.perf_counter()
        child = self.rndc()
        took, waits = questions.until(made, BY_HAND, name)
        while not questions.blocked(ADDED):
            time.sleep(_PACE)
        whole = time.perf_counter() - start
        if child.wait() != 0:
            raise RuntimeError("rndc failed")
        return Reload(took, whole, settled(self.pid) - before, *waits)

    def block(self, made: Version | None, name: str) -> float:
        """Return the seconds of a block, proved; with a version, while that is loaded."""
        questions = Questions(self.site.named.port)
        child = None
        if made:
            self.put(made)
            settled(self.pid)
            child = self.rndc()
        took = timed([*RPZCTL, "--config", str(self.site.config), "block", name])
        if made and child:
            questions.until(made)
            child.wait()
        return took

    def rndc(self) -> subprocess.Popen[bytes]:
        """Start `rndc reload` of the large zone."""
        named = self.site.named
        argv = ["rndc", "-s", "127.0.0.1", "-p", str(named.rndc_port), "-k", str(named.key)]
        return subprocess.Popen([*argv, "reload", ORIGIN], stdout=subprocess.DEVNULL)


class Taken(NamedTuple):
    """What was measured of a form of the zone."""

    reloads: list[Reload]
    at_rest: float
    """seconds of a block"""
    meanwhile: float
    """seconds of a block while the zone is loaded"""
    resident: float
    """MB of named"""
    most: float
    """MB of named during a reload"""

    def least(self) -> Reload:
        """Return the reload that had effect first."""
        return min(self.reloads, key=lambda reload: reload.effect)


def take(site: Site, form: str, first: Version, second: Version, name: str, turns: int) -> Taken:
    """Measure one form of the zone, on a fresh named."""
    served = Served(site, form)
    served.start(first)
    at_rest = min(served.block(None, f"rest{turn}.{form}.example") for turn in range(3))
    reloads, meanwhile = [], []
    for turn in range(turns):
        reloads.append(served.reload(second, name))
        meanwhile.append(served.block(first, f"fresh{turn}.{form}.example"))
    sizes = (memory(served.pid, "VmRSS"), memory(served.pid, "VmHWM"))
    return Taken(reloads, at_rest, max(meanwhile), *sizes)


def measure(home: Path, count: int) -> list[Line]:
    """Return the figures for a policy zone of `count` names (two records each)."""
    shutil.rmtree(home, ignore_errors=True)
    listed = inputs.names(count)
    first = version(home / "first", listed)
    time.sleep(1)  # serials are seconds
    second = version(home / "second", [*listed, ADDED])
    with live_site(home / "site") as site:
        timed([*RPZCTL, "--config", str(site.config), "block", BY_HAND])
        text, raw = (take(site, form, first, second, listed[0], 2) for form in FORMS)
    plain, packed = (second.files[form].stat().st_size / 1e6 for form in FORMS)
    print(
        f"Zone of {count:,} names: text {plain:.0f} MB, raw {packed:.0f} MB; named: "
        f"{text.resident:.0f} MB resident, {text.most:.0f} MB at most in a reload from text.\n"
    )
    shutil.rmtree(home)
    return lines(count, second, text, raw)


def lines(count: int, made: Version, text: Taken, raw: Taken) -> list[Line]:
    """Return the lines of the table."""

    def worst(waits: list[Waits]) -> tuple[float, str, float]:
        return max(w.worst for w in waits), "median", statistics.median(w.median for w in waits)

    zone = f"a zone of {count:,} names"
    check, conversion = made.check.cpu, made.conversion.cpu
    reading, compiled = text.least(), raw.least()
    operator = [reload.operator for reload in text.reloads]
    large = [reload.large for reload in text.reloads]
    return [
        Line(
            f"`named-compilezone` of {zone} to raw, processor",
            conversion,
            "`named-checkzone`",
            check,
            None,
        ),
        Line(
            f"named reloads {zone} from raw, processor",
            compiled.cpu,
            "from text",
            reading.cpu,
            None,
        ),
        Line(
            "the same, conversion or check included",
            compiled.cpu + conversion,
            "from text",
            reading.cpu + check,
            None,
        ),
        Line(
            "`rndc reload` until the canary answers, from raw",
            compiled.effect,
            "from text",
            reading.effect,
            None,
        ),
        Line(
            "`rndc reload` until the last new name is blocked, from text",
            reading.whole,
            "until the canary answers",
            reading.effect,
            None,
        ),
        Line(
            "worst answer meanwhile, operator's name",
            *worst(operator),
            None,
        ),
        Line(
            "worst answer meanwhile, name of that zone",
            *worst(large),
            None,
        ),
        Line("`rpzctl block` meanwhile", text.meanwhile, "at rest", text.at_rest, None),
    ]
