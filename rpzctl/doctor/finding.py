"""What an examination comes to."""

from typing import Literal, NamedTuple

from rpzctl.check import Finding as Checked
from rpzctl.names import printable

State = Literal["ok", "warning", "fault", "not-looked-at"]
_LONGEST = 600
_LONGEST_FIX = 2000


class Finding(NamedTuple):
    """One result of one examination."""

    state: State
    what: str
    """what was found; of what was not looked at: why"""
    where: str = ""
    """file:line, address or folder"""
    fix: str = ""
    """the mend: the lines to add and where, or the command to run"""
    id: str = ""
    """of the examination; its runner fills it in"""

    def value(self) -> dict[str, str | None]:
        """Return the finding as a JSON-ready document."""
        return {
            "id": self.id,
            "state": self.state,
            "what": self.what,
            "where": self.where or None,
            "fix": self.fix or None,
        }

    def safe(self, examination: str) -> "Finding":
        """Return the finding of `examination`; nothing in it can steer a terminal."""
        fix = "\n".join(printable(line, _LONGEST_FIX) for line in self.fix.splitlines())
        return Finding(
            self.state,
            printable(self.what, _LONGEST),
            printable(self.where, _LONGEST),
            fix,
            examination,
        )


class NotLooked(Exception):
    """An examination that cannot be made, because of what another one tells; the message is why."""


def ok(what: str, where: object = "", fix: str = "") -> Finding:
    """Return that all is well; `fix` may say how it could be better still."""
    return Finding("ok", what, str(where), fix)


def warning(what: str, where: object, fix: str = "") -> Finding:
    """Return what does harm one day, or that somebody may want so."""
    return Finding("warning", what, str(where), fix)


def fault(what: str, where: object, fix: str = "") -> Finding:
    """Return what keeps the policy from being live, or a change from becoming so."""
    return Finding("fault", what, str(where), fix)


def of_check(found: Checked) -> Finding:
    """Return a finding of `rpzctl check` as one of ours."""
    state: State = "fault" if found.severity == "error" else "warning"
    return Finding(state, found.message, found.where, found.fix or "")
