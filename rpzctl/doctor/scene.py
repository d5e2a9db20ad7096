"""What is looked at: each fact is found out once, in bounded time, when it is asked for."""

import os
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import process
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.doctor import named_conf
from rpzctl.doctor.finding import NotLooked
from rpzctl.doctor.named_conf import NamedConf
from rpzctl.doctor.once import Once
from rpzctl.errors import RpzctlError
from rpzctl.manifest import Manifest
from rpzctl.resolver_settings import AnyResolver, BindSettings
from rpzctl.resolvers import Answer, Question, Resolver, kinds
from rpzctl.snapshots import Record
from rpzctl.store import Store

if TYPE_CHECKING:
    from rpzctl.fetch import Fetched

SECONDS = 14.0
"""for all examinations together"""
SHORT = 4.0
"""seconds for a program or a server that answers at once if it answers at all"""
ONLINE = 9.0
"""seconds for all publishers"""
PARALLEL = 32
PER_HOST = 8
"""feeds that are asked for at a time: all are to be done in time, however many hang"""
_VERSION = re.compile(r"BIND (\d+)\.(\d+)\.(\d+)")
Version = tuple[int, int, int]


class Process(NamedTuple):
    """A running named: what /proc tells of it."""

    pid: int
    uid: int
    groups: frozenset[int]
    argv: tuple[str, ...]

    def option(self, letter: str) -> str | None:
        """Return the value of a one-letter option: ``-c FILE`` or ``-cFILE``."""
        for at, word in enumerate(self.argv[1:], 1):
            if word == f"-{letter}" and at + 1 < len(self.argv):
                return self.argv[at + 1]
            if word.startswith(f"-{letter}") and len(word) > 2:  # noqa: PLR2004 - a dash and a letter
                return word[2:]
        return None


@dataclass(frozen=True, eq=False)
class Scene:
    """The machine and the policy repo that are examined."""

    given: Config | RpzctlError
    """the settings, or why they cannot be read"""
    now: datetime
    """UTC, read at the edge"""
    deadline: float
    """monotonic; nothing is begun after it"""
    online: bool = False
    """publishers and git remotes may be asked"""
    system: Path = Path("/")
    """where /proc, /sys and /etc are: another place in tests"""

    @property
    def config(self) -> Config:
        """The settings. Raises `NotLooked`."""
        if isinstance(self.given, RpzctlError):
            raise NotLooked("the settings cannot be read: see 'configuration'")
        return self.given

    @property
    def store(self) -> Store:
        """The output and state folders. Raises `NotLooked`."""
        return Store(self.config.output, self.config.state)

    def left(self, most: float = SHORT) -> float:
        """Return how many seconds something may take, at most `most`. Raises `NotLooked`."""
        seconds = min(most, self.deadline - time.monotonic())
        if seconds <= 0:
            raise NotLooked("there was no time left for it")
        return seconds

    def run(self, argv: Sequence[str], most: float = SHORT) -> process.Finished:
        """Run a program within the time. Raises `NotLooked` when it is missing or takes longer."""
        try:
            return process.run(argv, timeout=self.left(most))
        except RpzctlError as fault:
            raise NotLooked(fault.message) from None

    @Once
    def current(self) -> Manifest:
        """The published generation. Raises `NotLooked`."""
        try:
            manifest = self.store.current()
        except RpzctlError as fault:
            raise NotLooked(fault.message) from None
        if manifest is None:
            raise NotLooked("nothing is published: see 'output-folder'")
        return manifest

    @Once
    def feeds(self) -> list[tuple[Feed, Record]]:
        """The enabled feeds and what is known of them. Raises `NotLooked`."""
        from rpzctl import catalogue, feed_groups

        try:
            store = feed_groups.snapshots(self.config)
            known = catalogue.load(self.config).values()
            return [(feed, store.record(feed.name)) for feed in known if feed.enabled]
        except RpzctlError as fault:
            raise NotLooked(f"{fault.message}: see 'feed-definitions'") from None

    @Once
    def fetched(self) -> list[tuple[Feed, "Fetched"]]:
        """What the publishers of the enabled feeds answer. Raises `NotLooked`."""
        if not self.online:
            raise NotLooked("it takes the network: say --online")
        from rpzctl import snapshots
        from rpzctl.fetch import together
        from rpzctl.fetch.fetched import Limits

        asks = [(feed, snapshots.known(feed, record)) for feed, record in self.feeds]
        crowd = max(Counter(feed.host for feed, _ in asks).values(), default=1)
        turns = max(-(-len(asks) // PARALLEL), -(-crowd // PER_HOST), 1)
        limits = Limits(
            octets=self.config.fetch.octets,
            unpacked=self.config.fetch.unpacked,
            seconds=self.left(ONLINE) / turns,
            retries=0,
            parallel=PARALLEL,
            per_host=PER_HOST,
        )
        with together.fetching(asks, limits) as coming:
            answers = [future.result() for future in coming]
        return [(feed, answer) for (feed, _), answer in zip(asks, answers, strict=True)]

    @Once
    def resolvers(self) -> list["Served"]:
        """The resolvers, of whatever kind. Raises `NotLooked`."""
        if not self.config.resolver:
            raise NotLooked("rpzctl.toml names no [[resolver]]")
        return [
            Server(self, settings) if isinstance(settings, BindSettings) else Served(self, settings)
            for settings in self.config.resolver
        ]

    @Once
    def servers(self) -> list["Server"]:
        """The resolvers that are BIND. Raises `NotLooked`."""
        found = [each for each in self.resolvers if isinstance(each, Server)]
        if not found:
            raise NotLooked("no resolver in rpzctl.toml is BIND")
        return found

    @Once
    def nameds(self) -> list[Process]:
        """All running processes of named."""
        found = []
        for folder in (self.system / "proc").glob("[0-9]*"):
            try:
                argv = (folder / "cmdline").read_bytes().split(b"\0")
                if not argv[0].endswith(b"named"):
                    continue
                said = (folder / "status").read_text(encoding="utf-8", errors="replace")
            except OSError:
                continue
            fields = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
            uid, gid = (int(fields[key].split()[1]) for key in ("Uid", "Gid"))
            groups = {gid, *map(int, fields.get("Groups", "").split())}
            words = tuple(os.fsdecode(word) for word in argv if word)
            found.append(Process(int(folder.name), uid, frozenset(groups), words))
        return sorted(found)

    @Once
    def installed(self) -> Version | None:
        """The version of the named that is installed; None: none is."""
        if process.find("named") is None:
            return None
        return version(self.run(["named", "-v"]).said)


def version(said: str) -> Version | None:
    """Return the version of BIND that `named -v` or `rndc status` tells."""
    found = _VERSION.search(said)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


@dataclass(frozen=True, eq=False)
class Served:
    """A resolver, as configured and as it answers."""

    scene: Scene
    settings: AnyResolver

    @property
    def resolver(self) -> Resolver:
        """What brings changes to it and asks it."""
        return kinds.of(self.scene.config, self.settings)

    @property
    def title(self) -> str:
        """What to call it."""
        return self.resolver.title

    @Once
    def alive(self) -> Answer:
        """What it answers to a name that exists nowhere, and that no policy speaks of."""
        from rpzctl.render import canary_name

        return self.ask([Question(canary_name("alive", 0), "TXT")])[0]

    def ask(self, questions: Sequence[Question], most: float = 2.0) -> list[Answer]:
        """Return its answers. Raises `NotLooked` when nothing can be sent there."""
        try:
            return self.resolver.ask(questions, self.scene.left(most))
        except RpzctlError as fault:
            raise NotLooked(fault.message) from None


@dataclass(frozen=True, eq=False)
class Server(Served):
    """A BIND, as configured and as it runs."""

    settings: BindSettings

    @property
    def is_here(self) -> bool:
        """Whether it is on this machine."""
        return self.settings.rndc_server.is_loopback

    @Once
    def conf(self) -> NamedConf:
        """Its configuration as written. Raises `NotLooked`."""
        try:
            return named_conf.read(self.settings.named_conf)
        except (OSError, ValueError):
            raise NotLooked(
                f"{self.settings.named_conf} cannot be read: see 'named-conf'"
            ) from None

    @Once
    def included_conf(self) -> NamedConf:
        """Its configuration, which includes ours. Raises `NotLooked`."""
        link = self.scene.store.current_link
        if not any(each.path.parent == link for each in self.conf.includes()):
            raise NotLooked(f"{self.conf.file} does not include the policy: see 'includes'")
        return self.conf

    def rndc(self, *command: str) -> process.Finished:
        """Return what `rndc` says to `command`. Raises `NotLooked`."""
        s = self.settings
        argv = ["rndc", "-s", str(s.rndc_server), "-p", str(s.rndc_port), "-k", str(s.rndc_key)]
        return self.scene.run([*argv, *command])

    @Once
    def reached(self) -> process.Finished:
        """What `rndc status` says, good or bad. Raises `NotLooked`."""
        return self.rndc("status")

    @Once
    def status(self) -> dict[str, str]:
        """What `rndc status` says, by its keys. Raises `NotLooked`."""
        if self.reached.status != 0:
            raise NotLooked("rndc does not reach named: see 'rndc-channel'")
        pairs = (line.partition(": ") for line in self.reached.out.splitlines())
        return {key.strip(): value.strip() for key, _, value in pairs}

    @Once
    def process(self) -> Process | None:
        """Its process on this machine; None: it was not found, or is another's."""
        wanted = self.settings.named_conf
        fits = partial(_reads, wanted=wanted)
        found = [each for each in self.scene.nameds if fits(each)]
        return found[0] if len(found) == 1 else None


def _reads(each: Process, wanted: Path) -> bool:
    """Tell whether a named was started with the configuration `wanted`."""
    given = each.option("c")
    if given is None:
        return str(wanted) in {"/etc/bind/named.conf", "/etc/named.conf"}
    root = each.option("t")
    places = [Path(given), *([Path(root) / given.lstrip("/")] if root else [])]
    return wanted in places or wanted.resolve() in [place.resolve() for place in places]
