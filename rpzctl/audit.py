"""The audit log: one line of JSON for each change, appended and never written again.

The file is opened anew for each line, so that it may be renamed away at any time (logrotate). A
line goes to disk with one write under a lock; what a run that was killed could not tell is told by
the next one, from the manifests of the generations that no line speaks of.
"""

import errno
import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, NamedTuple

from rpzctl import event
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.event import Event
from rpzctl.files import belong
from rpzctl.store import Store

FILE = "audit.jsonl"
LOCK = "audit.lock"
_TAIL = 1 << 18
"""octets at the end of the log in which generations are looked for"""
_PATIENCE = 1.0
"""seconds to wait for another's line: who holds the lock longer is not waited for"""
_MOMENT = 0.1
_GROUP_READS = stat.S_IRGRP | stat.S_IXGRP


def file_of(config: Config) -> Path:
    """Return where the log is."""
    return config.repo / config.audit.file if config.audit.file else config.state / FILE


class Presence(NamedTuple):
    """That a run is at work which has yet to tell what came of it."""

    handle: BinaryIO | None

    def is_alone(self) -> bool:
        """Tell whether no other run is between its change and its line at this moment."""
        if self.handle is None:
            return False
        alone = _tries(self.handle.fileno(), fcntl.LOCK_EX, 0)
        _tries(self.handle.fileno(), fcntl.LOCK_SH, _MOMENT)
        return alone


@contextmanager
def present(config: Config) -> Iterator[Presence]:
    """Let other runs see that this one is at work, until the block ends or the process dies."""
    handle: BinaryIO | None = None
    if config.audit.enabled:
        with suppress(OSError):  # before `init` there is no folder
            handle = (config.state / LOCK).open("ab")
            belong(handle.fileno(), config.state / LOCK)
    if handle is None:
        yield Presence(None)
        return
    with handle:
        taken = _tries(handle.fileno(), fcntl.LOCK_SH, _MOMENT)
        yield Presence(handle if taken else None)


def _tries(handle: int, kind: int, seconds: float) -> bool:
    """Take a lock; tell whether that was possible within so many seconds."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.002)
        except OSError:  # a file system without locks
            return False
        else:
            return True


def tell(config: Config, store: Store, told: Event, presence: Presence) -> None:
    """Write the line of `told`, and before it those of generations that nobody told of.

    Raises `RpzctlError` when it cannot be written; the log has no half line then.
    """
    path = file_of(config)
    late = _untold(store, path, told) if presence.is_alone() else []
    append(path, [json.dumps(each.value(), separators=(",", ":")) for each in (*late, told)])


def append(path: Path, lines: Sequence[str]) -> None:
    """Append whole lines to the file `path`, on disk when this returns. Raises `RpzctlError`."""
    try:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        handle = os.open(path, flags, _mode(path.parent))
        with os.fdopen(handle, "rb", buffering=0):
            if not stat.S_ISREG(os.fstat(handle).st_mode):
                raise RpzctlError(f"{path} is no file")
            if not os.fstat(handle).st_size:
                belong(handle, path.parent)
            _tries(handle, fcntl.LOCK_EX, _PATIENCE)
            for line in lines:
                _append(handle, line.encode())
            os.fsync(handle)
    except OSError as fault:
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None


def _mode(folder: Path) -> int:
    """Return the mode of a new log: its group may read it where it may read the folder.

    Whoever made such a folder wants the log to be collected.
    """
    mode = folder.stat().st_mode
    return 0o640 if mode & _GROUP_READS == _GROUP_READS else 0o600


def _append(handle: int, line: bytes) -> None:
    """Write a line on a line of its own: what another left may have no end."""
    size = os.fstat(handle).st_size
    whole = not size or os.pread(handle, 1, size - 1) == b"\n"
    data = line + b"\n" if whole else b"\n" + line + b"\n"
    wrote, cause = 0, OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    try:
        wrote = os.write(handle, data)
    except OSError as fault:
        cause = fault
    if wrote != len(data):
        with suppress(OSError):
            os.ftruncate(handle, size)
        raise cause


def _untold(store: Store, path: Path, told: Event) -> list[Event]:
    """Return the events of kept generations of which neither the log nor `told` speaks.

    Those alone that are newer than the oldest of which the end of the log speaks: what was before
    the log is not its business.
    """
    numbers = store.numbers()
    spans = [(told.before, told.generation)]
    oldest = 0
    for line in _last_lines(path):
        oldest = line.generation
        spans.append((line.before, line.generation))
        if numbers and oldest <= numbers[0]:
            break
    if not oldest:
        return []
    missing = [
        number
        for number in numbers
        if number > oldest and not any(before < number <= after for before, after in spans)
    ]
    found: list[Event] = []
    for number in missing:
        with suppress(RpzctlError):
            manifest = store.manifest(number)
            if manifest is not None and not manifest.passing:
                before = max((n for n in numbers if n < number), default=0)
                found.append(event.untold(manifest, before))
    return found


class _Line(NamedTuple):
    before: int
    generation: int


def _last_lines(path: Path) -> Iterator[_Line]:
    """Give the generations of which the lines at the end of the log speak, the last line first.

    Where they are few, those that were rotated away last, too.
    """
    for each in _and_before(path):
        try:
            with each.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(0, size - _TAIL))
                lines = file.read(_TAIL).splitlines()
        except OSError:
            continue
        for text in reversed(lines if size <= _TAIL else lines[1:]):
            try:
                value = json.loads(text)
                yield _Line(int(value["before"]), int(value["generation"]))
            except (ValueError, KeyError, TypeError):
                continue


def _and_before(path: Path) -> Iterator[Path]:
    yield path
    from rpzctl.reviewing import files

    with suppress(RpzctlError):
        yield from [each for each in files(path) if each != path and each.suffix != ".gz"][-1:]
