"""The audit log, read: what changed, whose doing it was, and what came of it."""

import gzip
import json
import re
import zlib
from collections import deque
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from rpzctl import times
from rpzctl.errors import RpzctlError

_NUMBERED = re.compile(r"\.([0-9]{1,9})(\.gz)?")
_DATED = re.compile(r"-([0-9][0-9-]{3,30})(\.gz)?")
"""-20261231, or -2026-12-31-1798675200, as `rpzctl deploy show logrotate` says"""
_LONGEST = 1 << 20
"""octets of a line that can be one of ours"""
_MOST_DAMAGED = 100
_FIELDS = ("by", "command", "what", "outcome", "why")


class Wanted(NamedTuple):
    """Which lines are asked for."""

    since: datetime | None = None
    name: str | None = None
    """or what is below it; in lower case"""
    by: str | None = None
    most: int = 50
    """the last of them; 0: all"""


class Reviewed(NamedTuple):
    """What was found."""

    entries: tuple[dict[str, Any], ...]
    """as they stand in the log, the oldest first"""
    damaged: tuple[str, ...]
    """where a line cannot be read: ``file:line``"""
    more: int
    """entries that were asked for and are older than these"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {"entries": list(self.entries), "damaged": list(self.damaged), "more": self.more}


def review(path: Path, wanted: Wanted) -> Reviewed:
    """Read the log at `path` and what was rotated away from it.

    Damaged lines are passed over. Raises `RpzctlError` when a file cannot be read.
    """
    found: deque[dict[str, Any]] = deque(maxlen=wanted.most or None)
    damaged: list[str] = []
    count = 0
    for each in files(path):
        if wanted.since is not None and _is_older(each, wanted.since):
            continue
        for place, line in _lines(each):
            entry = _entry(line)
            if entry is None:
                damaged += [place] * (len(damaged) < _MOST_DAMAGED)
            elif _is_wanted(entry, wanted):
                count += 1
                found.append(entry)
    return Reviewed(tuple(found), tuple(damaged), count - len(found))


def files(path: Path) -> list[Path]:
    """Return the log's files, the oldest first: as logrotate names them, by number or by date."""
    numbered: list[tuple[int, Path]] = []
    dated: list[tuple[str, Path]] = []
    try:
        beside = [each for each in path.parent.iterdir() if each.name.startswith(path.name)]
    except FileNotFoundError:
        return []
    except OSError as fault:
        raise RpzctlError(f"cannot read {path.parent}: {fault.strerror}") from None
    for each in beside:
        end = each.name[len(path.name) :]
        if told := _DATED.fullmatch(end):
            dated.append((told[1].replace("-", ""), each))
        elif told := _NUMBERED.fullmatch(end):
            numbered.append((int(told[1]), each))
    old = [each for _, each in sorted(dated)]
    old += [each for _, each in sorted(numbered, reverse=True)]
    return [*old, *([path] if path in beside else [])]


def _is_older(path: Path, since: datetime) -> bool:
    """Tell whether nothing was written to the file since then."""
    try:
        return path.stat().st_mtime < since.timestamp() - 1
    except OSError:
        return False


def _lines(path: Path) -> Iterator[tuple[str, bytes | None]]:
    """Give the lines with their place; None for what cannot be one."""
    number = 0
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            while line := file.readline(_LONGEST):
                number += 1
                whole = line.endswith(b"\n")
                yield f"{path}:{number}", line if whole else None
                while not whole and (rest := file.readline(_LONGEST)):
                    whole = rest.endswith(b"\n")
    except (EOFError, zlib.error, gzip.BadGzipFile):
        yield f"{path}:{number + 1}", None
    except FileNotFoundError:
        return  # rotated away at this moment
    except OSError as fault:
        raise RpzctlError(
            f"cannot read {path}: {fault.strerror}",
            fix="the audit log is for rpzctl's user, and for a group where its folder is",
        ) from None


def _entry(line: bytes | None) -> dict[str, Any] | None:
    """Return the entry that a line holds; None if it is damaged."""
    try:
        value = json.loads(line or b"")
        times.parse(value["at"])
        sound = all(isinstance(value[key], str) for key in _FIELDS) and isinstance(
            value["names"], list
        )
        sound = sound and isinstance(value["generation"], int)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return value if sound else None


def _is_wanted(entry: dict[str, Any], wanted: Wanted) -> bool:
    if wanted.since is not None and times.parse(entry["at"]) < wanted.since.replace(microsecond=0):
        return False
    if wanted.by is not None and entry["by"] != wanted.by:
        return False
    if wanted.name is None:
        return True
    named = (str(name).partition(" ")[0].removeprefix("*.") for name in entry["names"])
    return any(name == wanted.name or name.endswith(f".{wanted.name}") for name in named)
