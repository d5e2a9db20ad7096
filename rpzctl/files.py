"""Files that are complete and on disk, or not there: how everything that lasts is written."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from rpzctl.errors import RpzctlError

ASIDE = ".new-"
"""begins the name of what is not yet renamed into place"""
_NEW = os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_WRONLY
"""a file that is made just now, and no link that somebody else put there"""


def belong(made: int | Path, path: Path) -> None:
    """Give what root made for `path` to whom that belongs, or else the folder that it is in.

    A service that runs as a user of its own goes on with what a person did by sudo.
    """
    if os.geteuid() != 0:
        return
    for each in (path, path.parent):
        with contextlib.suppress(FileNotFoundError):
            owner = each.lstat()
            if owner.st_uid == 0:
                continue
            if isinstance(made, Path):
                os.chown(made, owner.st_uid, owner.st_gid, follow_symlinks=False)
            else:
                os.fchown(made, owner.st_uid, owner.st_gid)
            return


def make_folder(folder: Path, mode: int, *, above: bool = False) -> None:
    """Make a folder, with those `above` it, unless it is there. Raises OSError."""
    if above and not folder.parent.is_dir():
        make_folder(folder.parent, mode, above=True)
    if not folder.is_dir():
        folder.mkdir(mode=mode, exist_ok=True)
        belong(folder, folder.parent)


def file_digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Out(Protocol):
    """What text is written to."""

    def write(self, text: bytes | memoryview, /) -> int:
        """Write `text`."""


class Digested:
    """A file that is being written, with the SHA-256 of what was handed over."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._total = hashlib.sha256()

    def write(self, text: bytes | memoryview) -> int:
        """Write `text`."""
        self._total.update(text)
        return self._file.write(text)

    def tell(self) -> int:
        """Return how much was written."""
        return self._file.tell()

    def hexdigest(self) -> str:
        """Return the digest so far."""
        return self._total.hexdigest()


def write_aside(path: Path, content: bytes | memoryview, *, mode: int, sure: bool = True) -> None:
    """Write `content` to `path` by way of a file beside it: complete, on disk, or not at all.

    Unless it is to be `sure`, the disk is not waited for: after a power cut it may be damaged.
    """
    put(write_beside(path, content, mode=mode, sure=sure), path)


def put(beside: Path, path: Path) -> None:
    """Let the file that `write_beside` made be `path`. Raises `RpzctlError`."""
    try:
        beside.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None


def write_beside(path: Path, content: bytes | memoryview, *, mode: int, sure: bool = True) -> Path:
    """Write `content` to a file beside `path`, for `put`; return it. As `write_aside`.

    What a run that was killed left there goes.
    """
    beside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    try:
        make_folder(path.parent, 0o777, above=True)
        for stale in path.parent.glob(f"{ASIDE}{path.name}-*"):  # by a run that was killed
            stale.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, _NEW, mode), "wb") as out:
            belong(out.fileno(), path)
            out.write(content)
            out.flush()
            if sure:
                os.fsync(out.fileno())
    except OSError as fault:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None
    return beside


def write_shared(path: Path, content: bytes, *, mode: int) -> None:
    """Write `content` to `path`, whole or not at all, where others may be doing so at this moment.

    The last one's stays. The disk is not waited for, and the folder has to be there. Raises
    `RpzctlError`.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        for stale in path.parent.glob(f".{path.name}.[0-9]*"):
            if not _is_alive(stale.name.rpartition(".")[2]):
                stale.unlink(missing_ok=True)
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, _NEW, mode), "wb") as out:
            belong(out.fileno(), path)
            os.fchmod(out.fileno(), mode)
            out.write(content)
        beside.replace(path)
    except OSError as fault:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None


def _is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, ValueError, OverflowError):
        return False
    except OSError:
        return True
    return True


@contextlib.contextmanager
def written_aside(path: Path, *, mode: int) -> Iterator[BinaryIO]:
    """Give a file to write to that becomes `path` when all went well: whole, or not at all.

    Raises `RpzctlError`.
    """
    beside = path.with_name(f"{ASIDE}{path.name}-{os.getpid()}")
    try:
        beside.unlink(missing_ok=True)
        with os.fdopen(os.open(beside, _NEW, mode), "wb") as out:
            belong(out.fileno(), path)
            yield out
            out.flush()
            os.fsync(out.fileno())
        beside.replace(path)
    except OSError as fault:
        raise RpzctlError(f"cannot write {path}: {fault.strerror}") from None
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def read_text(path: Path) -> str | None:
    """Return the text of a published file; None where there is none, or one that is no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return None


def to_disk(folder: Path, private: Collection[str] = ()) -> None:
    """Bring the files in `folder` to disk, readable by named, whatever the umask.

    Those named in `private` only for their owner.
    """
    for file in folder.iterdir():
        with file.open("rb") as opened:
            belong(opened.fileno(), folder)
            os.fchmod(opened.fileno(), 0o600 if file.name in private else 0o644)
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
