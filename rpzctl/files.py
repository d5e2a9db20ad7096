"""Files that are complete and on disk, or not there: how everything that lasts is written."""

import contextlib
import hashlib
import os
import shutil
from pathlib import Path

from rpzctl.errors import RpzctlError

ASIDE = ".new-"
"""begins the name of what is not yet renamed into place"""


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_aside(path: Path, content: bytes, *, mode: int, sure: bool = True) -> None:
    """Write `content` to `path` by way of a file beside it: complete, on disk, or not at all.

    Unless it is to be `sure`, the disk is not waited for: after a power cut it may be damaged.
    """
    beside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for stale in path.parent.glob(f"{ASIDE}{path.name}-*"):  # by a run that was killed
            stale.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, mode), "wb") as out:
            out.write(content)
            out.flush()
            if sure:
                os.fsync(out.fileno())
        beside.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None


def read_text(path: Path) -> str | None:
    """Return the text of a published file; None where there is none."""
    try:
        return path.read_text(encoding="utf-8")
    except OSError:
        return None


def to_disk(folder: Path) -> None:
    """Bring the files in `folder` to disk, readable by named, whatever the umask."""
    for file in folder.iterdir():
        with file.open("rb") as opened:
            os.fchmod(opened.fileno(), 0o644)
            os.fsync(opened.fileno())


def link(source: Path, target: Path) -> None:
    """Make `target` the same file as `source`; a copy with its times if there are no links."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise RpzctlError(
            f"the published file {source} is gone", fix="'rpzctl apply' builds it anew"
        ) from None
    except OSError:
        shutil.copy2(source, target)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to disk."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
