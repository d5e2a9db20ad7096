"""A policy repo, a private `named` that includes it, and questions to it: what the tests drive.

Everything is real: `named` runs in the foreground on loopback ports, the command line is a
process. A root zone with a wildcard stands in for the internet, so that a name without policy
has an answer.
"""

import contextlib
import io
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple

import pytest

from rpzctl.cli import run
from tests.asking import ask

REAL = "192.0.2.1"
"""what every name answers that no policy speaks of"""
RPZCTL = (sys.executable, "-m", "rpzctl")
_INTERNET = f"""\
$TTL 60
@ SOA localhost. hostmaster.localhost. 1 3600 600 604800 60
@ NS localhost.
localhost. A 127.0.0.1
* A {REAL}
* TXT "real"
"""
_NAMED_CONF = """\
include "{home}/rndc.key";
controls {{ inet 127.0.0.1 port {rndc_port} allow {{ 127.0.0.1; }} keys {{ "rndc-key"; }}; }};
options {{
    directory "{home}";
    pid-file "{home}/named.pid";
    session-keyfile "{home}/session.key";
    listen-on port {port} {{ 127.0.0.1; }};
    listen-on-v6 {{ none; }};
    recursion yes;
    dnssec-validation no;
    {options}
}};
zone "." {{ type primary; file "{home}/internet.zone"; }};
{zones}
"""


def until(true: Callable[[], bool], what: str, seconds: float = 20.0) -> None:
    """Return as soon as `true` is; fail the test after `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        if time.monotonic() > deadline:
            pytest.fail(f"waited {seconds:g} s in vain until {what}")
        time.sleep(0.01)


def find(program: str) -> str:
    """Return the path of a program of BIND's; without it the test is skipped, in CI it fails."""
    path = shutil.which(program) or shutil.which(program, path="/usr/local/sbin:/usr/sbin:/sbin")
    if path is None:
        reason = f"{program} is not installed (Debian: apt-get install bind9 bind9-utils)"
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


def free_port() -> int:
    """Return a port that is free for UDP and TCP, below those that the kernel hands out itself."""
    while True:
        port = 10_000 + secrets.randbelow(20_000)
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
            socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
            contextlib.suppress(OSError),
        ):
            udp.bind(("127.0.0.1", port))
            tcp.bind(("127.0.0.1", port))
            return port


class Result(NamedTuple):
    """A command line that has ended."""

    status: int
    stdout: str
    stderr: str

    def json(self) -> dict[str, Any]:
        """Return the one JSON document that stdout holds."""
        value = json.loads(self.stdout)
        assert isinstance(value, dict)
        return value


@dataclass
class Named:
    """A BIND of our own, in the foreground, its log in a file."""

    home: Path
    port: int = field(default_factory=free_port)
    rndc_port: int = field(default_factory=free_port)
    child: subprocess.Popen[bytes] | None = None

    @property
    def conf(self) -> Path:
        return self.home / "named.conf"

    @property
    def key(self) -> Path:
        return self.home / "rndc.key"

    def prepare(self) -> None:
        """Write the key and the root zone."""
        made = subprocess.run(
            [find("tsig-keygen"), "-a", "hmac-sha256", "rndc-key"], check=True, capture_output=True
        )
        self.key.write_bytes(made.stdout)
        (self.home / "internet.zone").write_text(_INTERNET)

    def configure(self, options: str, zones: str) -> None:
        """Write named.conf with `options` inside its options and `zones` at its top level."""
        text = _NAMED_CONF.format(
            home=self.home,
            port=self.port,
            rndc_port=self.rndc_port,
            options=options,
            zones=zones,
        )
        self.conf.write_text(text)

    def start(self) -> None:
        """Start it, and return when it answers."""
        with (self.home / "named.log").open("ab") as log:
            self.child = subprocess.Popen(
                [self._binary(), "-g", "-c", str(self.conf)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(self._answers, "named answers", 30.0)

    def _binary(self) -> str:
        path = find("named")
        confined = Path("/sys/module/apparmor/parameters/enabled")
        if not confined.is_file() or confined.read_text().strip() != "Y":
            return path
        # Debian's profile is attached to the path of named; a copy may read our folder.
        own = self.home / "private-named"
        if not own.exists():
            shutil.copy(path, own)
        return str(own)

    def start_when_it_answers(self, address: str) -> None:
        """Start a server that listens on `address`, port 53. Raises PermissionError if it may not.

        The port is tried first, for what named says of it is only in its log.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
            tried.bind((address, self.port))
        with (self.home / "named.log").open("ab") as log:
            self.child = subprocess.Popen(
                [self._binary(), "-g", "-c", str(self.conf)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        until(lambda: ask(53, "test", "SOA", server=address, timeout=0.2) != "no answer", "it does")

    def _answers(self) -> bool:
        assert self.child is not None
        if self.child.poll() is not None:
            pytest.fail("named ended:\n" + "\n".join(self.log().splitlines()[-15:]))
        # named says SERVFAIL while a policy zone that it is to apply is not loaded yet.
        return ask(self.port, "ready.test", timeout=0.2) not in {"no answer", "SERVFAIL"}

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.child is not None
        self.child.send_signal(number)

    def kill(self) -> None:
        """Kill it, and return when it is gone."""
        self.signal(signal.SIGKILL)
        assert self.child is not None
        self.child.wait()

    def stop(self) -> None:
        """End it, if it runs."""
        if self.child is None or self.child.poll() is not None:
            return
        self.child.send_signal(signal.SIGCONT)
        self.child.terminate()
        try:
            self.child.wait(15)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()

    def log(self) -> str:
        """Return what it logged."""
        return (self.home / "named.log").read_text(errors="replace")


@dataclass
class Site:
    """A policy repo with its output and state folders, and the `named` that it is for."""

    home: Path
    named: Named

    @property
    def repo(self) -> Path:
        return self.home / "policy-repo"

    @property
    def output(self) -> Path:
        return self.home / "output"

    @property
    def state(self) -> Path:
        return self.home / "state"

    @property
    def config(self) -> Path:
        return self.repo / "rpzctl.toml"

    @property
    def block_list(self) -> Path:
        return self.repo / "policy" / "block.list"

    @property
    def allow_list(self) -> Path:
        return self.repo / "policy" / "allow.list"

    @property
    def current(self) -> str:
        """The generation that is published."""
        return (self.output / "current").readlink().name

    def start(
        self, *arguments: str, stdin: int | IO[bytes] = subprocess.DEVNULL
    ) -> subprocess.Popen[bytes]:
        """Start a command, its output kept for `communicate`."""
        return subprocess.Popen(
            self.command(*arguments),
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.home,
        )

    def command(self, *arguments: str) -> list[str]:
        """Return a command line with this site's configuration."""
        return [*RPZCTL, "--config", str(self.config), *arguments]

    def cli(
        self,
        *arguments: str,
        stdin: str = "",
        env: Mapping[str, str] | None = None,
        within: Sequence[str] = (),
    ) -> Result:
        """Run a command, by way of the command line `within` if one is given."""
        done = subprocess.run(
            [*within, *self.command(*arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=150,
            check=False,
            cwd=self.home,
            env={**os.environ, **(env or {})},
        )
        return Result(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str, stdin: str = "") -> Result:
        """Run a command that must succeed."""
        done = self.cli(*arguments, stdin=stdin)
        assert done.status == 0, done
        return done

    def init(self, *arguments: str) -> Result:
        """Run `init` for this site's folders and ports, in this process: each test begins so."""
        ports = ("--port", str(self.named.port), "--rndc-port", str(self.named.rndc_port))
        files = ("--rndc-key", str(self.named.key), "--named-conf", str(self.named.conf))
        folders = ("--output", str(self.output), "--state", str(self.state))
        with (
            contextlib.redirect_stdout(io.StringIO()) as out,
            contextlib.redirect_stderr(io.StringIO()) as err,
        ):
            status = run(["init", str(self.repo), *folders, *ports, *files, *arguments])
        return Result(status, out.getvalue(), err.getvalue())

    def include(self, options: str = "", zones: str = "") -> None:
        """Write a named.conf that includes the published fragments, with more beside them."""
        current = self.output / "current"
        self.named.configure(
            f'include "{current}/options.conf"; {options}',
            f'include "{current}/zones.conf";\n{zones}',
        )

    def setting(self, text: str) -> None:
        """Add `text` to rpzctl.toml, whose last section is the resolver's."""
        with self.config.open("a") as out:
            out.write(text + "\n")

    def impatient(self) -> None:
        """Let a change count as not live after a second, for tests in which it never is."""
        self.setting("timeout = 1.0")

    def template(self, name: str, text: str) -> Path:
        """Put a template of the operator's own into the policy repo."""
        path = self.repo / "templates" / "bind" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def answer(self, name: str, kind: str = "A", *, tcp: bool = False) -> str:
        """Return what the resolver answers."""
        return ask(self.named.port, name, kind, tcp=tcp)

    def answers(self, names: Iterable[str]) -> dict[str, str]:
        """Return what the resolver answers to each of `names`."""
        return {name: self.answer(name) for name in names}

    def serial(self, zone: str = "local.rpz") -> int:
        """Return the serial that a zone is published under."""
        found = {z["origin"]: z["serial"] for z in self.ok("status", "--json").json()["zones"]}
        return int(found[zone])

    def files(self) -> dict[str, bytes]:
        """Return what rpzctl may not change when it refuses: rules, and the name of `current`."""
        return {
            "block": self.block_list.read_bytes(),
            "allow": self.allow_list.read_bytes(),
            "current": self.current.encode(),
        }


def bare_site(home: Path) -> Site:
    """Return a fresh policy repo for a `named` that was never started."""
    home.mkdir(exist_ok=True)
    site = Site(home, Named(home))
    made = site.init("--no-git")
    assert made.status == 0, made
    return site


@contextlib.contextmanager
def live_site(home: Path) -> Iterator[Site]:
    """Give a fresh policy repo and a running `named` that includes it."""
    find("named")
    site = bare_site(home)
    site.named.prepare()
    site.include()
    site.named.start()
    try:
        yield site
    finally:
        site.named.stop()
