"""Each kind of resolver for differential tests: how it is started with policy zones before it.

All find the small internet (`tests.differential.universe`) from its root, take questions from
several clients, and hold no answer of one client ready for another.
"""

import signal
import subprocess
from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar

from rpzctl import config, fragments, render
from rpzctl.abilities import ABILITIES
from rpzctl.rpz import Kind
from rpzctl.triggers import Trigger
from tests.asking import ask
from tests.differential import universe
from tests.servers import Named, find, free_port, until

ORIGINS = ("first.rpz", "second.rpz", "third.rpz")
_HINTS = f". 60 IN NS ns.net.\nns.net. 60 IN A {universe.ROOT_ADDRESS}\n"


class Engine(ABC):
    """A resolver of one kind, with the policy zones of one folder."""

    kind: ClassVar[str]
    bounds: ClassVar[universe.Bounds] = universe.Bounds()
    """what policies for it are made of: the rest it does not do, as docs/resolvers.md says"""

    def __init__(self, home: Path, *, wait: bool) -> None:
        """`wait`: names are held against policy when the answer is there (BIND alone can)."""
        self.home, self.wait, self.port = home, wait, free_port()

    @abstractmethod
    def start(self) -> None:
        """Start it, and return when it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it."""

    @abstractmethod
    def process(self) -> subprocess.Popen[bytes]:
        """Return its process, once it is started."""

    def ended(self, within: float = 0.0) -> bool:
        """Tell whether it is there no more `within` so many seconds, though nobody ended it."""
        try:
            self.process().wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True


class Bind(Engine):
    """BIND 9."""

    kind = "bind"

    def start(self) -> None:
        home = self.home
        named = self.named = Named(home, port=self.port)
        named.prepare()
        (home / "hints").write_text(_HINTS)
        order = " ".join(f'zone "{origin}";' for origin in ORIGINS)
        zones = "".join(
            f'zone "{origin}" {{ type primary; file "{home}/{origin}.zone"; '
            "check-names ignore; };\n"
            for origin in ORIGINS
        )
        named.conf.write_text(
            f'include "{named.key}";\n'
            f'options {{ directory "{home}"; pid-file "{home}/named.pid"; recursion yes;\n'
            f'session-keyfile "{home}/session.key"; dnssec-validation no; empty-zones-enable no;\n'
            "allow-query { any; }; allow-recursion { any; }; qname-minimization off;\n"
            f"servfail-ttl 0; listen-on port {named.port} {{ 127.0.0.1; }}; "
            f"listen-on-v6 {{ none; }};\n"
            f"response-policy {{ {order} }} qname-wait-recurse {'yes' if self.wait else 'no'} "
            "break-dnssec yes min-update-interval 0; };\n"
            f'zone "." {{ type hint; file "hints"; }};\n{zones}'
        )
        named.start()

    def stop(self) -> None:
        self.named.stop()

    def process(self) -> subprocess.Popen[bytes]:
        assert self.named.child is not None
        return self.named.child


class Other(Engine):
    """A kind that is started with rpzctl's own fragment, in the foreground, and killed."""

    fragment: ClassVar[str]

    @abstractmethod
    def configure(self, fragment: Path) -> list[str]:
        """Write its configuration; return the command that starts it."""

    def start(self) -> None:
        home = self.home
        (home / "hints").write_text(_HINTS)
        (home / "policy.toml").write_text(f'[[resolver]]\nkind = "{self.kind}"\n')
        loaded = config.load(home / "policy.toml")
        drawn = fragments.drawn(render.environment(loaded), loaded, home, ORIGINS, (), ())
        for name, text in drawn.items():
            (home / name).write_text(text)
        command = self.configure(home / self.fragment)
        with (home / "log").open("wb") as log:
            self.child = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=home
            )
        until(self._answers, f"{self.kind} answers", 30.0)

    def _answers(self) -> bool:
        if self.ended():
            raise AssertionError((self.home / "log").read_text(errors="replace")[-2000:])
        return ask(self.port, "ready.nothing", timeout=0.2) == "NXDOMAIN"

    def stop(self) -> None:
        self.child.send_signal(signal.SIGKILL)
        self.child.wait()

    def process(self) -> subprocess.Popen[bytes]:
        return self.child


class Unbound(Other):
    """Unbound."""

    kind = "unbound"
    bounds = universe.Bounds(without=ABILITIES["unbound"].ends, filled=True)
    fragment = "unbound.conf"

    def configure(self, fragment: Path) -> list[str]:
        conf = self.home / "main.conf"
        conf.write_text(
            f"""\
server:
  directory: "{self.home}"
  username: ""
  chroot: ""
  pidfile: ""
  interface: 127.0.0.1@{self.port}
  access-control: 127.0.0.0/8 allow
  do-ip6: no
  do-not-query-localhost: no
  do-daemonize: no
  use-syslog: no
  logfile: ""
  root-hints: "{self.home}/hints"
  qname-minimisation: no
  outgoing-range: 512
  num-queries-per-thread: 1024
  module-config: "respip iterator"
include: "{fragment}"
"""
        )
        return [find("unbound"), "-d", "-c", str(conf)]


class PdnsRecursor(Other):
    """PowerDNS Recursor."""

    kind = "pdns-recursor"
    bounds = universe.Bounds(filled=True)
    fragment = "pdns-recursor.lua"

    def configure(self, fragment: Path) -> list[str]:
        (self.home / "recursor.conf").write_text(
            f"""\
socket-dir={self.home}
local-address=127.0.0.1
local-port={self.port}
allow-from=127.0.0.0/8
dont-query=
hint-file={self.home}/hints
lua-config-file={fragment}
extended-resolution-errors=yes
disable-packetcache=yes
qname-minimization=no
daemon=no
write-pid=no
disable-syslog=yes
dnssec=off
threads=1
security-poll-suffix=
"""
        )
        return [find("pdns_recursor"), f"--config-dir={self.home}"]


class Knot(Other):
    """Knot Resolver 5: names of queries alone."""

    kind = "knot"
    fragment = "knot.lua"
    bounds = universe.Bounds(
        (Trigger.QNAME,), frozenset({(Trigger.QNAME, Kind.CNAME)}), filled=True
    )

    def configure(self, fragment: Path) -> list[str]:
        conf = self.home / "kresd.conf"
        conf.write_text(
            f"""\
log_target('stdout')
modules = {{ 'hints' }}
net.listen('127.0.0.1', {self.port}, {{ kind = 'dns' }})
cache.open(10 * MB, 'lmdb://{self.home}/cache')
trust_anchors.remove('.')
hints.root({{ ['ns.net.'] = '{universe.ROOT_ADDRESS}' }})
option('ALLOW_LOCAL', true)
option('NO_MINIMIZE', true)
dofile('{fragment}')
"""
        )
        return [find("kresd"), "-n", "-c", str(conf), str(self.home)]


ENGINES: dict[str, type[Engine]] = {each.kind: each for each in (Bind, Unbound, PdnsRecursor, Knot)}
