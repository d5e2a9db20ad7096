"""What the kernel tells of the policy repo. It only wakes: what is missed, a poll finds."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

_READS = ("opened", "closed_no_write")
"""events of those who only read: our own child does"""


class Place(NamedTuple):
    """Which folder is at a path: another one has another inode."""

    device: int
    inode: int


def place_of(folder: Path) -> Place | None:
    """Return which folder is at the path; None: none."""
    try:
        stat = folder.stat()
    except OSError:
        return None
    return Place(stat.st_dev, stat.st_ino)


class _Waking(FileSystemEventHandler):
    def __init__(self, wake: Callable[[], None], repo: Path, *, below: bool) -> None:
        self._wake = wake
        self._repo = os.fsencode(repo)
        self._below = below

    def on_any_event(self, event: FileSystemEvent) -> None:
        """Wake, but for what git does in its own folder, and what others do beside the repo."""
        if event.event_type in _READS:
            return
        paths = [os.fsencode(path) for path in (event.src_path, event.dest_path) if path]
        if self._below:
            inside = os.sep.encode() + b".git" + os.sep.encode()
            concerns = any(inside not in path + os.sep.encode() for path in paths)
        else:
            concerns = self._repo in paths
        if concerns:
            self._wake()


class Events:
    """A folder and the one that it is in, watched until `close`."""

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._observer: Any = None
        self._armed: tuple[Path, Place | None] | None = None

    def arm(self, repo: Path) -> str | None:
        """Watch the folder that is at `repo` now; return why that cannot be, if it cannot.

        To be called again at each poll: the folder may have been replaced, mounted or unmounted.
        """
        place = place_of(repo)
        alive = self._observer is not None and self._observer.is_alive()
        if alive and self._armed == (repo, place):
            return None
        self.close()
        self._armed = (repo, place)
        if place is None:
            return f"{repo} is gone"
        observer = Observer()
        try:
            below = _Waking(self._wake, repo, below=True)
            observer.schedule(below, str(repo), recursive=True)
            beside = _Waking(self._wake, repo, below=False)
            observer.schedule(beside, str(repo.parent), recursive=False)
            observer.start()
        except OSError as fault:  # the limit of watches, a file system without them
            return f"no events of {repo}: {fault.strerror or fault}"
        self._observer = observer
        return None

    def close(self) -> None:
        """Watch no more."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join(5)
        self._observer = None
