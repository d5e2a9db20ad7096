"""Unbound as a resolver with policy zones: unbound-control to bring changes, questions for proof.

What is relied on was seen on Unbound 1.17: `auth_zone_reload ZONE` reads a policy zone's file
anew and returns when that is done, says ok also where it passed over a line, and keeps the old
zone where the file is gone; `reload_keep_cache` takes another set of zones. A rewritten answer has
the AA flag and does not say which policy zone made it.
"""

import os
from collections.abc import Sequence
from typing import NamedTuple

from rpzctl import process
from rpzctl.errors import RpzctlError
from rpzctl.fragments import SINKHOLES, SINKHOLES_ORIGIN, unbound_names
from rpzctl.names import printable
from rpzctl.resolver_settings import UnboundSettings
from rpzctl.resolvers import Answer, Change, Marks, Question


class Unbound(NamedTuple):
    """An Unbound that this machine controls by unbound-control."""

    settings: UnboundSettings

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"unbound at {self.settings.server} port {self.settings.port}"

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""
        return self.settings.timeout

    @property
    def marks(self) -> Marks:
        """A rewritten answer is authoritative."""
        return Marks.AUTHORITATIVE

    @property
    def advice(self) -> str:
        """Where to look when it does not take a change."""
        return (
            "see unbound's log; is the include line in unbound.conf, and respip the first of its "
            "module-config?"
        )

    @property
    def sinkholes(self) -> bool:
        """It serves the sinkhole zones."""
        return True

    def policy(self, zones: Sequence[str]) -> list[str]:
        """Return all: it serves them in their order."""
        return list(zones)

    def ready(self) -> None:
        """Raise `RpzctlError` when unbound-control, its keys or the channel cannot be used."""
        if process.find("unbound-control") is None:
            raise RpzctlError(
                "unbound-control is not installed",
                fix="it comes with Unbound (Debian: apt-get install unbound), or publish without "
                "it by --no-reload",
            )
        conf = self.settings.unbound_conf
        if not os.access(conf, os.R_OK):
            why = "Permission denied" if conf.exists() else "there is none"
            raise RpzctlError(
                f"cannot read the configuration {conf}: {why}",
                fix="set unbound_conf in rpzctl.toml",
            )
        done = self._control("status", timeout=self.timeout)
        if done.status != 0:
            raise RpzctlError(
                f"unbound cannot be controlled: {printable(done.said, 300)}",
                fix="is it running, and is control-enable on in its remote-control section?",
            )

    def load(self, change: Change) -> None:
        """Make Unbound take `change`: all anew for another set of zones, or each changed zone."""
        if change.unknown or "unbound.conf" in change.fragments:
            self._must("reload_keep_cache")
            return
        sinkholes = (SINKHOLES_ORIGIN,) if SINKHOLES in change.fragments else ()
        names = unbound_names(change.zones)
        for zone in (*sinkholes, *change.reload):
            self._must("auth_zone_reload", names[zone])

    def _must(self, *command: str) -> None:
        done = self._control(*command, timeout=self.settings.control_timeout)
        if done.status != 0:
            raise RpzctlError(
                f"unbound-control {' '.join(command)} failed: {printable(done.said, 300)}",
                fix=self.advice if "no auth-zone" in done.said else None,
            )

    def _control(self, *command: str, timeout: float) -> process.Finished:
        argv = ["unbound-control", "-q", "-c", str(self.settings.unbound_conf)]
        return process.run([*argv, *command], timeout=timeout)

    def loaded(self, zones: Sequence[str]) -> dict[str, int | None]:
        """Return nothing: this kind serves no zone that is only monitored."""
        return dict.fromkeys(zones)

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return Unbound's answers, in the order of the questions."""
        from rpzctl.resolvers.ask import ask

        s = self.settings
        return ask(str(s.server), s.port, questions, timeout, s.source)
