"""PowerDNS Recursor as a resolver with policy zones: rec_control to bring changes.

What is relied on was seen on PowerDNS Recursor 4.8: `reload-lua-config` reads the file that
lua-config-file names, and with it all policy zones, and returns when that is done. A broken file
leaves everything as it was and says so; a zone file that it cannot take in costs that whole zone,
and it says that all is well. Whole answers are kept in a packet cache, which policy is not asked
about; it is wiped with each change, for the names that changed or, where they are many, for all.
"""

from collections.abc import Sequence
from typing import NamedTuple

from rpzctl import process
from rpzctl.errors import RpzctlError
from rpzctl.names import printable
from rpzctl.resolver_settings import PdnsRecursorSettings
from rpzctl.resolvers import Answer, Change, Marks, Question


class PdnsRecursor(NamedTuple):
    """A PowerDNS Recursor that this machine controls by rec_control."""

    settings: PdnsRecursorSettings

    @property
    def title(self) -> str:
        """What to call it in messages."""
        return f"pdns-recursor at {self.settings.server} port {self.settings.port}"

    @property
    def timeout(self) -> float:
        """Seconds until a change of a small zone must be live."""
        return self.settings.timeout

    @property
    def marks(self) -> Marks:
        """An extended error names the policy zone, also of a name that it lets through."""
        return Marks.MATCH

    @property
    def advice(self) -> str:
        """Where to look when it does not take a change."""
        return (
            "see its log; are lua-config-file and extended-resolution-errors=yes in recursor.conf?"
        )

    @property
    def sinkholes(self) -> bool:
        """It serves the sinkhole zones."""
        return True

    def policy(self, zones: Sequence[str]) -> list[str]:
        """Return all: it serves them in their order."""
        return list(zones)

    def ready(self) -> None:
        """Raise `RpzctlError` when rec_control or the control socket cannot be used."""
        if process.find("rec_control") is None:
            raise RpzctlError(
                "rec_control is not installed",
                fix="it comes with PowerDNS Recursor (Debian: apt-get install pdns-recursor), or "
                "publish without it by --no-reload",
            )
        done = self._control("ping", timeout=self.timeout)
        if done.status != 0:
            raise RpzctlError(
                f"pdns-recursor cannot be controlled: {printable(done.said, 300)}",
                fix="is it running, and are config_dir and socket_dir in rpzctl.toml right?",
            )

    def load(self, change: Change) -> None:
        """Make it read its Lua configuration and all policy zones anew: it has no less."""
        if not change:
            return
        self._must("reload-lua-config")
        names = (".",) if change.names is None or change.unknown else change.names
        if names:
            self._must("wipe-cache", *(f"{name}$" for name in names))

    def _must(self, *command: str) -> None:
        done = self._control(*command, timeout=self.settings.control_timeout)
        if done.status != 0:
            raise RpzctlError(
                f"rec_control {' '.join(command)} failed: {printable(done.said, 300)}",
                fix=self.advice,
            )

    def _control(self, *command: str, timeout: float) -> process.Finished:
        s = self.settings
        folders = [f"--config-dir={s.config_dir}", f"--socket-dir={s.socket_dir}"]
        return process.run(["rec_control", *folders, *command], timeout=timeout)

    def loaded(self, zones: Sequence[str]) -> dict[str, int | None]:
        """Return nothing: this kind serves no zone that is only monitored."""
        return dict.fromkeys(zones)

    def ask(self, questions: Sequence[Question], timeout: float) -> list[Answer]:
        """Return its answers, in the order of the questions."""
        from rpzctl.resolvers.ask import ask

        s = self.settings
        return ask(str(s.server), s.port, questions, timeout, s.source)
