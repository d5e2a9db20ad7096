"""Knot Resolver 5 as a resolver with policy zones: its control sockets to bring changes.

What is relied on was seen on Knot Resolver 5.6: each process has a control socket of its own, which
takes a line of Lua and answers with what it came to and a prompt. The fragment defines what is
asked there; it reads zones one after the other and swaps them when they are read. A process answers
no questions while it reads.
"""

import socket
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from rpzctl.errors import RpzctlError
from rpzctl.fragments import SINKHOLES, SINKHOLES_ORIGIN
from rpzctl.names import printable
from rpzctl.resolver_settings import KnotSettings
from rpzctl.resolvers import Answer, Change, Marks, Question

_PROMPT = b"\n> "
_OK = "rpzctl: ok"
_LONGEST = 1 << 16
"""octets of an answer that are looked at"""


class Knot(NamedTuple):
    """A Knot Resolver that this machine controls by its sockets."""

    settings: KnotSettings

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"knot-resolver at {self.settings.server} port {self.settings.port}"

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""
        return self.settings.timeout

    @property
    def marks(self) -> Marks:
        """An extended error names the policy zone."""
        return Marks.ZONE

    @property
    def advice(self) -> str:
        """Where to look when it does not take a change."""
        return "see its log; is the dofile line in kresd.conf, and kresd restarted since?"

    @property
    def sinkholes(self) -> bool:
        """It serves the sinkhole zones."""
        return True

    def policy(self, zones: Sequence[str]) -> list[str]:
        """Return all: it serves them in their order."""
        return list(zones)

    def ready(self) -> None:
        """Raise `RpzctlError` when a process cannot be told, or does not know the fragment."""
        for path in self._sockets():
            said = self._said(
                path, "type(rpzctl) == 'table' and rpzctl.reload ~= nil", self.timeout
            )
            if said != "true":
                raise RpzctlError(
                    f"{path}: that process of Knot Resolver has not read the fragment",
                    fix=self.advice,
                )

    def load(self, change: Change) -> None:
        """Make each process take `change`: all anew for another set of zones, or what changed."""
        if change.unknown or "knot.lua" in change.fragments:
            lines = ["rpzctl.reload()"]
        else:
            sinkholes = (SINKHOLES_ORIGIN,) if SINKHOLES in change.fragments else ()
            lines = [f"rpzctl.load('{zone}')" for zone in (*sinkholes, *change.reload)]
        for path in self._sockets() if lines else ():
            for line in lines:
                said = self._said(path, line, self.settings.control_timeout)
                if said.strip("'") != _OK:
                    raise RpzctlError(
                        f"{path}: {line} failed: {printable(said, 300)}", fix=self.advice
                    )

    def _sockets(self) -> list[Path]:
        """Return the control sockets, one of each process. Raises `RpzctlError`: there is none."""
        folder = self.settings.control
        try:
            found = sorted(path for path in folder.iterdir() if path.is_socket())
        except OSError as fault:
            raise RpzctlError(
                f"cannot read the folder of control sockets {folder}: {fault.strerror}",
                fix="is kresd running, and is control in rpzctl.toml right?",
            ) from None
        if not found:
            raise RpzctlError(
                f"there is no control socket in {folder}",
                fix="is kresd running, and is control in rpzctl.toml right?",
            )
        return found

    def _said(self, path: Path, line: str, timeout: float) -> str:
        """Return what the process at `path` makes of a line of Lua."""
        said = b""
        try:
            with socket.socket(socket.AF_UNIX) as sock:
                sock.settimeout(timeout)
                sock.connect(str(path))
                sock.sendall(line.encode("ascii") + b"\n")
                while not said.endswith(_PROMPT) and len(said) < _LONGEST:
                    got = sock.recv(4096)
                    if not got:
                        break
                    said += got
        except OSError as fault:
            raise RpzctlError(
                f"{path}: cannot tell Knot Resolver: {fault.strerror or fault}",
                fix="is that process running? A socket that one left behind may be removed",
            ) from None
        return said.decode(errors="replace").removeprefix("> ").removesuffix("\n> ").strip()

    def loaded(self, zones: Sequence[str]) -> dict[str, int | None]:
        """Return nothing: this kind serves no zone that is only monitored."""
        return dict.fromkeys(zones)

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return its answers, in the order of the questions."""
        from rpzctl.resolvers.ask import ask

        s = self.settings
        return ask(str(s.server), s.port, questions, timeout, s.source)
