"""Lines of a log: one a fact, in UTC, for people, for programs, or for the journal."""

import json
import os
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import IO, Any, NamedTuple

from rpzctl.names import printable

_LONGEST = 2000


class Form(StrEnum):
    """How lines look."""

    HUMAN = "human"
    """time, level, text"""
    JSON = "json"
    """one object a line"""
    JOURNALD = "journald"
    """the priority as the journal reads it; it has the time itself (sd-daemon(3))"""


class Level(StrEnum):
    """How grave a fact is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


_PRIORITIES = {Level.INFO: 6, Level.WARNING: 4, Level.ERROR: 3}


class Log(NamedTuple):
    """Where lines go."""

    out: IO[str]
    form: Form
    clock: Callable[[], str]
    """gives the moment as RFC 3339 text in UTC"""

    def note(self, message: str, **facts: Any) -> None:  # noqa: ANN401 - JSON
        """Tell what happened."""
        self._line(Level.INFO, message, facts)

    def caution(self, message: str, **facts: Any) -> None:  # noqa: ANN401 - JSON
        """Tell what somebody may have to look at."""
        self._line(Level.WARNING, message, facts)

    def fault(self, message: str, **facts: Any) -> None:  # noqa: ANN401 - JSON
        """Tell what somebody has to mend."""
        self._line(Level.ERROR, message, facts)

    def _line(self, level: Level, message: str, facts: Mapping[str, Any]) -> None:
        text = printable(message, _LONGEST)
        match self.form:
            case Form.JSON:
                line = json.dumps({"time": self.clock(), "level": level, "message": text, **facts})
            case Form.JOURNALD:
                line = f"<{_PRIORITIES[level]}>{text}"
            case Form.HUMAN:
                line = f"{self.clock()} {level} {text}"
        self.out.write(f"{line}\n")
        self.out.flush()


def usual(environment: Mapping[str, str], descriptor: int) -> Form:
    """Return the form for what is written to `descriptor`: the journal's, if it goes there.

    JOURNAL_STREAM names the journal's end by device and inode (systemd.exec(5)).
    """
    device, _, inode = environment.get("JOURNAL_STREAM", "").partition(":")
    try:
        stat = os.fstat(descriptor)
        there = (int(device), int(inode)) == (stat.st_dev, stat.st_ino)
    except (OSError, ValueError):
        return Form.HUMAN
    return Form.JOURNALD if there else Form.HUMAN
