"""Each kind of resolver as a real daemon of our own, on loopback ports, behind one form.

None of them reaches the internet: what no policy speaks of has one address, as in `servers`.
"""

import os
import shutil
import signal
import subprocess
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import pytest

from tests.asking import ask
from tests.conformance.internet import internet
from tests.servers import REAL, RPZCTL, Named, Result, Site, free_port, until

INTERNET = f"""\
$TTL 60
@ IN SOA localhost. hostmaster.localhost. 1 3600 600 604800 60
@ IN NS localhost.
localhost. IN A 127.0.0.1
* IN A {REAL}
* IN TXT "real"
cloak.example. IN CNAME cloaked.example.
cloaked.example. IN A {REAL}
example. IN TXT "exists"
*.example. IN A {REAL}
*.example. IN TXT "real"
"""
FOREIGN = """\
$TTL 60
@ IN SOA localhost. hostmaster.localhost. 1 3600 600 604800 60
@ IN NS localhost.
foreign.example CNAME rpz-passthru.
"""
"""a policy zone that is not ours, in front of ours: it lets through what we are told to block"""


@dataclass
class Daemon(ABC):
    """A resolver of one kind."""

    home: Path
    port: int = field(default_factory=free_port)
    child: subprocess.Popen[bytes] | None = None
    outside: ExitStack = field(default_factory=ExitStack)
    """what it needs besides, until it ends"""

    kind: ClassVar[str]
    package: ClassVar[str]
    program: ClassVar[str]

    def prepare(self) -> None:
        """Write what it needs besides its configuration."""
        self.home.joinpath("internet.zone").write_text(INTERNET)
        self.home.joinpath("foreign.zone").write_text(FOREIGN)

    @abstractmethod
    def options(self) -> list[str]:
        """Return the options of `rpzctl init` that fit it."""

    @abstractmethod
    def configure(self, published: Path, *, foreign: bool = False) -> None:
        """Write its configuration with what is published in it; with a policy zone in front."""

    @abstractmethod
    def command(self) -> list[str]:
        """Return the command line that starts it in the foreground."""

    def start(self) -> None:
        """Start it, and return when it answers."""
        self.child = self.process("1")
        until(self._answers, f"{self.kind} answers", 30.0)

    def process(self, instance: str) -> subprocess.Popen[bytes]:
        """Start one process of it; it may tell by `instance` which one it is."""
        with self.home.joinpath("daemon.log").open("ab") as log:
            return subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.home,
                env={**os.environ, "INSTANCE": instance},
            )

    def _answers(self) -> bool:
        assert self.child is not None
        if self.child.poll() is not None:
            pytest.fail(f"{self.kind} ended:\n" + "\n".join(self.log().splitlines()[-15:]))
        return ask(self.port, "ready.example", timeout=0.2) == REAL

    def log(self) -> str:
        """Return what it logged."""
        return self.home.joinpath("daemon.log").read_text(errors="replace")

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.terminate()
        try:
            self.child.wait(5)
        except subprocess.TimeoutExpired:
            self.child.send_signal(signal.SIGKILL)
            self.child.wait()

    def restart(self) -> None:
        """Stop it and start it again."""
        self.stop()
        self.start()

    def answer(self, name: str, kind: str = "A", *, tcp: bool = False, timeout: float = 5.0) -> str:
        """Return what it answers, as `servers.ask`."""
        return ask(self.port, name, kind, tcp=tcp, timeout=timeout)


def installed(daemon: type[Daemon]) -> None:
    """Skip the test where the daemon is not installed; in CI fail it."""
    path = "/usr/local/sbin:/usr/sbin:/sbin"
    if shutil.which(daemon.program) or shutil.which(daemon.program, path=path):
        return
    reason = f"{daemon.program} is not installed: make engines (Debian: {daemon.package})"
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@dataclass
class Bind(Daemon):
    """BIND 9: the one of the other tests."""

    kind = "bind"
    package = "bind9"
    program = "named"

    def prepare(self) -> None:
        self.named = Named(self.home, self.port)
        self.named.prepare()
        super().prepare()

    def options(self) -> list[str]:
        named = self.named
        files = ["--rndc-key", str(named.key), "--named-conf", str(named.conf)]
        return ["--rndc-port", str(named.rndc_port), *files]

    def configure(self, published: Path, *, foreign: bool = False) -> None:
        options = f'include "{published}/options.conf";'
        zones = f'include "{published}/zones.conf";'
        if foreign:
            zones += f'\nzone "foreign.rpz" {{ type primary; file "{self.home}/foreign.zone"; }};'
            text = (published / "options.conf").read_text()
            # BIND has one response-policy statement: the operator's own holds ours.
            options = text.replace(
                "response-policy {", 'response-policy {\n\tzone "foreign.rpz";', 1
            )
        self.named.configure(options, zones)

    def command(self) -> list[str]:
        return [self.named._binary(), "-g", "-c", str(self.named.conf)]


@dataclass
class Unbound(Daemon):
    """Unbound, controlled by a socket in its folder."""

    kind = "unbound"
    package = "unbound"
    program = "unbound"

    def prepare(self) -> None:
        super().prepare()
        self.real = self.outside.enter_context(internet())

    @property
    def conf(self) -> Path:
        return self.home / "unbound.conf"

    def options(self) -> list[str]:
        return ["--unbound-conf", str(self.conf)]

    def configure(self, published: Path, *, foreign: bool = False) -> None:
        front = f'rpz:\n  name: "foreign.rpz"\n  zonefile: "{self.home}/foreign.zone"\n'
        self.conf.write_text(
            f"""\
server:
  directory: "{self.home}"
  username: ""
  chroot: ""
  pidfile: ""
  interface: 127.0.0.1@{self.port}
  do-ip6: no
  do-not-query-localhost: no
  do-daemonize: no
  use-syslog: no
  logfile: ""
  module-config: "respip iterator"
remote-control:
  control-enable: yes
  control-use-cert: no
  control-interface: "{self.home}/control"
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{self.real}
{front if foreign else ""}
include: "{published}/unbound.conf"
"""
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/unbound", "-d", "-c", str(self.conf)]


@dataclass
class PdnsRecursor(Daemon):
    """PowerDNS Recursor, controlled by a socket in its folder."""

    kind = "pdns-recursor"
    package = "pdns-recursor"
    program = "pdns_recursor"

    def options(self) -> list[str]:
        return ["--config-dir", str(self.home), "--socket-dir", str(self.home)]

    def configure(self, published: Path, *, foreign: bool = False) -> None:
        front = f'rpzFile("{self.home}/foreign.zone", {{policyName="foreign.rpz"}})\n'
        lua = self.home / "recursor.lua"
        lua.write_text((front if foreign else "") + f'dofile("{published}/pdns-recursor.lua")\n')
        self.home.joinpath("recursor.conf").write_text(
            f"""\
socket-dir={self.home}
local-address=127.0.0.1
local-port={self.port}
auth-zones=.={self.home}/internet.zone
lua-config-file={lua}
extended-resolution-errors=yes
daemon=no
write-pid=no
disable-syslog=yes
dnssec=off
threads=1
security-poll-suffix=
"""
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/pdns_recursor", f"--config-dir={self.home}"]


_FRONT = """\
policy.add(function (_, query)
  if query:name() == todname('foreign.example') then
    return policy.STUB('127.0.0.1@{port}')
  end
end)
"""


@dataclass
class Knot(Daemon):
    """Knot Resolver 5, two processes of it on one port, each with a control socket."""

    kind = "knot"
    package = "knot-resolver"
    program = "kresd"

    def prepare(self) -> None:
        super().prepare()
        self.control = self.home / "control"
        self.control.mkdir()
        self.real = self.outside.enter_context(internet())
        self.second: subprocess.Popen[bytes] | None = None

    def options(self) -> list[str]:
        return ["--control", str(self.control)]

    def configure(self, published: Path, *, foreign: bool = False) -> None:
        self.home.joinpath("kresd.conf").write_text(
            f"""\
log_target('stdout')
net.listen('127.0.0.1', {self.port}, {{ kind = 'dns' }})
net.listen('{self.control}/' .. os.getenv('INSTANCE'), nil, {{ kind = 'control' }})
cache.open(10 * MB, 'lmdb://{self.home}/cache')
trust_anchors.remove('.')
{_FRONT.format(port=self.real) if foreign else ""}
dofile('{published}/knot.lua')
policy.add(policy.all(policy.STUB('127.0.0.1@{self.real}')))
"""
        )

    def command(self) -> list[str]:
        return ["/usr/sbin/kresd", "-n", "-c", f"{self.home}/kresd.conf", str(self.home)]

    def start(self) -> None:
        self.second = self.process("2")
        super().start()

    def stop(self) -> None:
        super().stop()
        if self.second is not None and self.second.poll() is None:
            self.second.terminate()
            self.second.wait(5)
        for left in self.control.iterdir():
            left.unlink()


DAEMONS: tuple[type[Daemon], ...] = (Bind, Unbound, PdnsRecursor, Knot)


@dataclass
class ConformingSite(Site):
    """A policy repo, and a resolver of any kind that serves it."""

    daemon: Daemon

    def init(self, *arguments: str) -> Result:
        done = subprocess.run(
            [
                *(*RPZCTL, "init", str(self.repo), "--resolver-kind", self.daemon.kind),
                *("--output", str(self.output), "--state", str(self.state), "--no-git"),
                *("--port", str(self.daemon.port), *self.daemon.options(), *arguments),
            ],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            cwd=self.home,
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def answer(self, name: str, kind: str = "A", *, tcp: bool = False) -> str:
        return self.daemon.answer(name, kind, tcp=tcp)


@contextmanager
def running(daemon: type[Daemon], home: Path) -> Iterator[ConformingSite]:
    """Give a fresh policy repo and a running resolver that includes it."""
    installed(daemon)
    made = daemon(home)
    made.prepare()
    site = ConformingSite(home, Named(home), made)
    done = site.init()
    assert done.status == 0, done
    made.configure(site.output / "current")
    try:
        made.start()
        yield site
    finally:
        made.stop()
        made.outside.close()
