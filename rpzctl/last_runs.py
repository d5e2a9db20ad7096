"""How the last run of each command ended: a small file each, for the metrics."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rpzctl import times
from rpzctl.event import GOOD, RESULTS, Event
from rpzctl.files import make_folder, write_shared

_NAME = re.compile(r"[a-z][a-z-]*( [a-z][a-z-]*)?")


class LastRun(NamedTuple):
    """How the last run of a command ended. Times are RFC 3339, UTC."""

    command: str
    ended: str
    outcome: str
    seconds: float
    succeeded: str | None = None
    """when a run of it last ended well"""

    @property
    def is_good(self) -> bool:
        """Whether it ended well."""
        return self.outcome in GOOD


def keep(state: Path, told: Event) -> None:
    """Record the end of a run. Raises `RpzctlError` when it cannot be written."""
    if not _NAME.fullmatch(told.command):
        return
    path = _folder(state) / f"{told.command.replace(' ', '_')}.json"
    before = _read(path)
    ended = times.show(told.end)
    succeeded = ended if told.is_good else before and before.succeeded
    last = LastRun(told.command, ended, told.outcome, round(told.seconds, 3), succeeded)
    with suppress(OSError):
        make_folder(path.parent, 0o700)
    write_shared(path, (json.dumps(last._asdict()) + "\n").encode(), mode=0o600)


def load(state: Path) -> list[LastRun]:
    """Return what is known of all commands, by name. What is damaged is passed over."""
    try:
        paths = sorted(_folder(state).glob("*.json"))
    except OSError:
        return []
    return [last for path in paths if (last := _read(path))]


def _folder(state: Path) -> Path:
    return state / "runs"


def _read(path: Path) -> LastRun | None:
    try:
        last = LastRun(**json.loads(path.read_bytes()))
        times.parse(last.ended)
        if last.succeeded is not None:
            times.parse(last.succeeded)
        float(last.seconds)
    except (OSError, ValueError, TypeError):
        return None
    known = _NAME.fullmatch(last.command) and last.outcome in RESULTS
    return last if known else None
