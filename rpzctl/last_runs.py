"""How the last run of each command ended: a small file each, for the metrics."""

import hashlib
import json
import re
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from rpzctl import times
from rpzctl.event import GOOD, RESULTS, Event
from rpzctl.files import make_folder, write_shared

_NAME = re.compile(r"[a-z][a-z-]*( [a-z][a-z-]*)?")

_UNATTENDED = frozenset({"sync", "apply"})
_AGAIN = 3600.0
"""seconds after which the same fault is news again"""


class LastRun(NamedTuple):
    """How the last run of a command ended. Times are RFC 3339, UTC."""

    command: str
    ended: str
    outcome: str
    seconds: float
    succeeded: str | None = None
    """when a run of it last ended well"""
    fault: str = ""
    """a digest of who failed and how; empty if it ended well"""
    told: str = ""
    """since when that is known to those who are told"""

    @property
    def is_good(self) -> bool:
        """Whether it ended well."""
        return self.outcome in GOOD


def keep(state: Path, told: Event) -> bool:
    """Record the end of a run; tell whether it is news.

    It is none where an unattended command changes nothing and fails as it did within the hour: each
    run would tell the same. Raises `RpzctlError` when it cannot be written.
    """
    if not _NAME.fullmatch(told.command):
        return True
    path = _folder(state) / f"{told.command.replace(' ', '_')}.json"
    before = _read(path)
    ended = times.show(told.end)
    succeeded = ended if told.is_good else before and before.succeeded
    fault = "" if told.is_good else _digest(told)
    known = before.told if before and fault and before.fault == fault else ""
    age = (told.end - times.parse(known)).total_seconds() if known else _AGAIN
    moved = told.before != told.generation
    is_news = moved or told.command not in _UNATTENDED or not 0 <= age < _AGAIN
    since = ended if is_news else known
    last = LastRun(
        told.command, ended, told.outcome, round(told.seconds, 3), succeeded, fault, since
    )
    with suppress(OSError):
        make_folder(path.parent, 0o700)
    write_shared(path, (json.dumps(last._asdict()) + "\n").encode(), mode=0o600)
    return is_news


def _digest(told: Event) -> str:
    error = told.error or {}
    said = [told.by, told.outcome, error.get("message"), error.get("details")]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]


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
        if last.told:
            times.parse(last.told)
    except (OSError, ValueError, TypeError):
        return None
    known = _NAME.fullmatch(last.command) and last.outcome in RESULTS
    return last if known else None
