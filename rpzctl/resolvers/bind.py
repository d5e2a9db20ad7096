"""BIND 9 as a resolver with policy zones: rndc to bring changes, DNS questions for proof.

What is relied on was measured on BIND 9.18: `reconfig` loads new zones and drops removed ones but
does not reload a zone whose file changed; `reload ZONE` exits 0 even when the file is broken.
"""

import os
import re
import socket
from collections.abc import Sequence
from typing import NamedTuple

from rpzctl import process, views
from rpzctl.config import Config, View
from rpzctl.errors import RpzctlError
from rpzctl.fragments import is_binds
from rpzctl.names import printable
from rpzctl.resolver_settings import BindSettings
from rpzctl.resolvers import Answer, Change, Marks, Question

_ALL_AT_ONCE = 5
"""From so many sinkhole zones on, one `rndc reload` of everything is cheaper than one each; named
passes over zones whose file is no newer than what it has."""


class Bind(NamedTuple):
    """A BIND 9 that this machine controls by rndc."""

    settings: BindSettings
    config: Config

    @property
    def title(self) -> str:
        """What to call it in messages."""
        view = f", view {self.settings.view}" if self.settings.view else ""
        return f"named at {self.settings.server} port {self.settings.port}{view}"

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""
        longest = max((g.min_update_interval for g in self.config.group.values()), default=0)
        return self.settings.timeout + longest

    @property
    def marks(self) -> Marks:
        """A rewritten answer has the policy zone's SOA in its additional section, if it may."""
        return Marks.ZONE if self.config.policy.add_soa else Marks.NONE

    @property
    def advice(self) -> str:
        """Where to look when it does not take a change."""
        return "see named's log; are the two include lines in named.conf?"

    @property
    def sinkholes(self) -> bool:
        """Whether the view has the sinkhole zones."""
        return self._view is None or self._view.sinkholes

    def policy(self, zones: Sequence[str]) -> list[str]:
        """Return the zones of the view."""
        return list(zones) if self._view is None else views.zones(self.config, self._view, zones)

    @property
    def _view(self) -> View | None:
        return views.of(self.config, self.settings.view) if self.settings.view else None

    def ready(self) -> None:
        """Raise `RpzctlError` when rndc, its key or the control channel cannot be used."""
        if process.find("rndc") is None:
            raise RpzctlError(
                "rndc is not installed",
                fix="install BIND's tools (Debian: apt-get install bind9-utils), or publish "
                "without them by --no-reload",
            )
        key = self.settings.rndc_key
        if not key.is_file():
            raise RpzctlError(
                f"there is no rndc key {key}",
                fix="make one with 'rndc-confgen -a', or set rndc_key in rpzctl.toml",
            )
        if not os.access(key, os.R_OK):
            raise RpzctlError(
                f"cannot read the rndc key {key}: Permission denied",
                fix="run as a member of its group (Debian: bind)",
            )
        try:
            address = (str(self.settings.rndc_server), self.settings.rndc_port)
            socket.create_connection(address, timeout=self.settings.timeout).close()
        except OSError as fault:
            raise RpzctlError(
                f"named does not listen for rndc at {address[0]} port {address[1]}: "
                f"{fault.strerror or fault}",
                fix="is named running, and are rndc_server and rndc_port in rpzctl.toml right?",
            ) from None

    def load(self, change: Change) -> None:
        """Make named take `change`: `reconfig` for the set of zones, `reload` for their data."""
        if change.unknown or any(map(is_binds, change.fragments)):
            self._rndc("reconfig")
        view = self.settings.view
        holds = not view or view == views.of_sinkholes(self.config)
        sinkholes = change.sinkholes if holds else ()
        if len(sinkholes) > _ALL_AT_ONCE:
            self._rndc("reload")
            return
        for zone in (*self.policy(change.reload), *sinkholes):
            self._rndc("reload", *self._zone(zone))

    def _zone(self, zone: str) -> list[str]:
        """Return how rndc is told of a zone."""
        return [zone, "IN", self.settings.view] if self.settings.view else [zone]

    def _rndc(self, *command: str) -> None:
        s = self.settings
        argv = ["rndc", "-s", str(s.rndc_server), "-p", str(s.rndc_port), "-k", str(s.rndc_key)]
        done = process.run([*argv, *command], timeout=s.rndc_timeout)
        if done.status != 0:
            fix = None
            if "failed: not found" in done.said:
                fix = "are the two include lines in named.conf? 'rpzctl init' prints them"
            elif "multiple views" in done.said:
                fix = "name the views by [[view]] in rpzctl.toml: docs/views.md"
            raise RpzctlError(
                f"rndc {' '.join(command)} failed: {printable(done.said, 300)}", fix=fix
            )

    def loaded(self, zones: Sequence[str]) -> dict[str, int | None]:
        """Return the serials that ``rndc zonestatus`` tells."""
        return {zone: self._serial(zone) for zone in zones}

    def _serial(self, zone: str) -> int | None:
        s = self.settings
        argv = ["rndc", "-s", str(s.rndc_server), "-p", str(s.rndc_port), "-k", str(s.rndc_key)]
        done = process.run([*argv, "zonestatus", *self._zone(zone)], timeout=s.rndc_timeout)
        found = re.search(r"^serial: ([0-9]+)$", done.out, re.MULTILINE)
        return int(found[1]) if found else None

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return named's answers, in the order of the questions."""
        from rpzctl.resolvers.ask import ask

        s = self.settings
        return ask(str(s.server), s.port, questions, timeout, s.source)
