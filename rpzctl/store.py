"""The only writer of the output folder and of the state folder's own files.

    <output>/generations/0000000042/   one complete policy: manifest, fragments, zones, rows
    <output>/current                   symlink to one generation, flipped by one rename
    <state>/lock                       held by the one rpzctl that writes
    <state>/serials.json               the highest serials, should the output folder be lost
    <state>/proven.json                the generation that a resolver was last seen to serve

A generation is built aside, brought to disk, renamed into place and never written again; a file
that did not change is a hard link to the one before, with its modification time, by which BIND
tells what to load. Killed at any instruction, `current` names a complete old or a complete new
policy, and what was left half-built is swept away under the lock by the next run.
"""

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from rpzctl import book, intact, retention
from rpzctl.errors import Locked, RpzctlError
from rpzctl.files import ASIDE, belong, sync_folder, to_disk, write_aside
from rpzctl.manifest import Manifest, read_manifest

MANIFEST = "manifest.json"
SINKHOLE = "sinkhole"
LOCK = "lock"
SYNC_LOCK = "sync.lock"
COMMIT = "commit"
SERIALS = "serials.json"
_TICK = 10_000_000
"""nanoseconds by which a zone file must be newer at least"""


class Store(NamedTuple):
    """The output folder and the state folder."""

    output: Path
    state: Path

    @property
    def current_link(self) -> Path:
        """The symlink that named.conf goes through."""
        return self.output / "current"

    def folder(self, manifest: Manifest) -> Path:
        """Return the folder of a generation."""
        return self.output / "generations" / f"{manifest.generation:010d}"

    def current(self) -> Manifest | None:
        """Return the published generation; None before the first.

        Raises `RpzctlError` when there is one that cannot be read.
        """
        return self._read(self.current_link / MANIFEST)

    def _read(self, path: Path) -> Manifest | None:
        try:
            return read_manifest(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except OSError as fault:
            raise RpzctlError(f"cannot read {path}: {fault.strerror}") from None
        except (ValueError, KeyError, TypeError, AttributeError) as fault:
            raise RpzctlError(
                f"{path} is damaged or of another version of rpzctl: {fault}",
                fix="move the output folder away and run 'rpzctl init' and 'rpzctl apply' again",
            ) from None

    def sound(
        self, manifest: Manifest | None, *, thorough: bool, published: bool = True
    ) -> Manifest | None:
        """Return `manifest` without the zones whose file is gone or is not as it was written.

        A zone that is left out is built anew; all are where `current` gave the manifest and leads
        elsewhere (`published`). Not `thorough`: of a large file only the size counts.
        """
        if manifest is None:
            return None
        folder = self.folder(manifest)
        stray = published and (not self.is_in_place(manifest) or self.is_turned_back(manifest))
        zones = {
            origin: zone
            for origin, zone in manifest.zones.items()
            if not stray
            and intact.is_zone(folder, zone, thorough=thorough)
            and intact.are_rows(folder, zone)
        }
        return manifest if len(zones) == len(manifest.zones) else manifest._replace(zones=zones)

    def is_in_place(self, manifest: Manifest) -> bool:
        """Tell whether `current` is a symlink to the folder of `manifest`, which it gave."""
        link = self.current_link
        return link.is_symlink() and link.resolve() == self.folder(manifest).resolve()

    def is_turned_back(self, manifest: Manifest) -> bool:
        """Tell whether `manifest`, which is current, is older than what was last proved.

        No run of rpzctl leaves it so: what is put back has a higher number.
        """
        number = self._proven_number()
        return number > manifest.generation and self._manifest_of(number).exists()

    def proven(self) -> Manifest | None:
        """Return the generation that the resolver was last seen to serve, if it is still kept.

        A damaged one proves nothing: it must not stop what makes the next.
        """
        return self._read_or_fault(self._manifest_of(self._proven_number()))

    def _proven_number(self) -> int:
        try:
            value = json.loads((self.state / "proven.json").read_text(encoding="utf-8"))
            return int(value["generation"])
        except (OSError, ValueError, KeyError, TypeError):
            return 0

    def proven_at(self) -> str | None:
        """Return when the resolver was last seen to serve what was published (RFC 3339)."""
        try:
            value = json.loads((self.state / "proven.json").read_text(encoding="utf-8"))
            return str(value["at"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def set_proven(self, manifest: Manifest, at: str) -> None:
        """Record that the resolver serves `manifest`."""
        text = json.dumps({"generation": manifest.generation, "at": at}) + "\n"
        write_aside(self.state / "proven.json", text.encode(), mode=0o600)

    def is_held(self, name: str) -> bool:
        """Tell whether another process holds the lock `name` at this moment."""
        try:
            with (self.state / name).open("a+", encoding="ascii") as handle:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    @contextlib.contextmanager
    def lock(self, wait: float, name: str = LOCK) -> Iterator[None]:
        """Hold the lock; raises `Locked` after `wait` seconds. The kernel frees it on any death.

        `LOCK` is held to publish. `SYNC_LOCK` is held around it by what changes feed zones,
        which takes longer than an operator would wait.
        """
        self._mkdir(self.state, 0o700)
        path = self.state / name
        try:
            new = not path.exists()
            handle = path.open("a+", encoding="ascii")
            if new:
                belong(handle.fileno(), self.state)
        except OSError as fault:
            raise RpzctlError(f"cannot open {path}: {fault.strerror}") from None
        with handle:
            deadline = time.monotonic() + wait
            while True:
                try:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except OSError:
                    if time.monotonic() >= deadline:
                        handle.seek(0)
                        holder = handle.read(20).strip()
                        raise Locked(
                            f"another rpzctl{f' (pid {holder})' if holder.isdigit() else ''} "
                            f"is at work; waited {wait:g} s",
                            fix="try again, or wait longer with --wait SECONDS",
                        ) from None
                    time.sleep(0.02)
            with contextlib.suppress(OSError):  # who holds it is a courtesy; a disk may be full
                handle.truncate(0)
                handle.write(f"{os.getpid()}\n")
                handle.flush()
            if name == LOCK:
                self._sweep()
            yield

    def _sweep(self) -> None:
        """Remove what a run that was killed left half-built."""
        for folder in (self.output / "generations", self.output, self.state):
            for stale in folder.glob(f"{ASIDE}*"):
                if stale.is_dir() and not stale.is_symlink():
                    shutil.rmtree(stale, ignore_errors=True)
                else:
                    stale.unlink(missing_ok=True)

    def _mkdir(self, folder: Path, mode: int) -> None:
        try:
            for each in reversed((folder, *folder.parents)):
                if not each.is_dir():
                    each.mkdir(exist_ok=True, mode=mode)
                    belong(each, each.parent)
                    each.chmod(mode)  # whatever the umask: named reads the output as another user
        except OSError as fault:
            raise RpzctlError(
                f"cannot make {folder}: {fault.strerror}",
                fix="check its owner and mode, or set [paths] in rpzctl.toml",
            ) from None

    @contextlib.contextmanager
    def aside(self) -> Iterator[Path]:
        """Give an empty folder to build the next generation in; it is gone if not published."""
        home = self.output / "generations"
        self._mkdir(self.output, 0o755)
        self._mkdir(home, 0o755)
        folder = home / f"{ASIDE}{os.getpid()}"
        try:
            folder.mkdir(mode=0o755)
            belong(folder, home)
        except OSError as fault:
            raise RpzctlError(
                f"cannot write in {home}: {fault.strerror}",
                fix="check its owner and mode, or set [paths] output in rpzctl.toml",
            ) from None
        try:
            yield folder
        except OSError as fault:
            raise RpzctlError(
                f"cannot write the new generation: {fault.strerror}",
                details=[str(fault.filename or folder)],
                fix="what was published before is untouched",
            ) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    @contextlib.contextmanager
    def beside(self) -> Iterator[Path]:
        """Give an empty folder on the same disk, for zones that are written without the lock."""
        home = self.output / "prebuilt"
        self._mkdir(home, 0o755)
        folder = home / str(os.getpid())
        for stale in home.iterdir():
            shutil.rmtree(stale, ignore_errors=True)
        try:
            folder.mkdir(mode=0o755)
            belong(folder, home)
            yield folder
        except OSError as fault:
            raise RpzctlError(
                f"cannot write in {home}: {fault.strerror}",
                fix="what was published before is untouched",
            ) from None
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, folder: Path, manifest: Manifest) -> None:
        """Make the generation in `folder` the current one, by one rename. All is on disk before."""
        final = self.folder(manifest)
        write_aside(folder / MANIFEST, manifest.text().encode(), mode=0o644)
        self._newer_than_loaded(folder, manifest)
        intact.make_manifest_newest(folder / MANIFEST, manifest)
        self._remember(manifest)
        folder.chmod(0o755)
        to_disk(folder, private=book.FILES)
        if final.exists():  # built once, never flipped to: a run that was killed here
            shutil.rmtree(final)
        folder.rename(final)
        sync_folder(final.parent)
        self._flip(final)

    def _newer_than_loaded(self, folder: Path, manifest: Manifest) -> None:
        """Give each new zone file a later modification time than the one that it replaces.

        named passes over a file that is not newer than what it loaded: a clock that was set back
        would keep every change from it.
        """
        for zone in manifest.zones.values():
            new = (folder / zone.file).stat()
            try:
                old = (self.current_link / zone.file).stat()
            except OSError:
                continue
            if new.st_ino != old.st_ino and new.st_mtime_ns <= old.st_mtime_ns:
                later = old.st_mtime_ns + _TICK
                os.utime(folder / zone.file, ns=(later, later))

    def _remember(self, manifest: Manifest) -> None:
        """Keep the serials and the number also where they outlive the output folder."""
        value = {"generation": manifest.generation, "serials": dict(manifest.serials)}
        write_aside(self.state / SERIALS, (json.dumps(value) + "\n").encode(), mode=0o600)

    def remembered(self) -> tuple[int, dict[str, int]]:
        """Return the number of the last generation and the highest serials, as far as known."""
        try:
            value = json.loads((self.state / SERIALS).read_text(encoding="utf-8"))
            serials = {str(zone): int(number) for zone, number in value["serials"].items()}
            return int(value["generation"]), serials
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return 0, {}

    def _flip(self, final: Path) -> None:
        link = self.output / f"{ASIDE}current-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("generations") / final.name)
        if self.current_link.is_dir() and not self.current_link.is_symlink():
            # Another hand put a folder there: it is kept, as what was in it is not known here.
            self.current_link.rename(self.output / f"replaced-by-{final.name}")
        link.replace(self.current_link)
        sync_folder(self.output)

    def prune(self, keep: int, days: int, now: datetime) -> None:
        """Remove all but the newest `keep` generations, and those replaced more than `days` ago.

        The current and the proven one stay. See `rpzctl.retention`.
        """
        current = self.current()
        stay = {current.generation if current else 0, self._proven_number()}
        home = self.output / "generations"
        numbers = self.numbers()
        made = [(number, self._made(number)) for number in numbers if days]
        go = {*retention.too_many(numbers, keep), *retention.too_old(made, days, now)}
        for number in sorted(go - stay):
            shutil.rmtree(home / f"{number:010d}", ignore_errors=True)

    def _made(self, number: int) -> str | None:
        manifest = self._read_or_fault(self._manifest_of(number))
        return manifest.made if manifest else None

    def numbers(self) -> list[int]:
        """Return the numbers of the generations that are kept, the oldest first."""
        try:
            names = os.listdir(self.output / "generations")  # noqa: PTH208 - a third of the time
        except FileNotFoundError:
            return []
        return sorted(int(name) for name in names if name.isdigit())

    def number(self) -> int:
        """Return the number of the published generation, 0 if there is none; nothing is read."""
        try:
            name = self.current_link.readlink().name
        except OSError:
            return 0
        return int(name) if name.isdigit() else 0

    def manifest(self, number: int) -> Manifest | None:
        """Return the generation of that number if it is kept.

        Raises `RpzctlError` when it cannot be read.
        """
        return self._read(self._manifest_of(number))

    def _manifest_of(self, number: int) -> Path:
        return self.output / "generations" / f"{number:010d}" / MANIFEST

    def note_commit(self, generation: int, commit: str) -> None:
        """Write down by which commit the change of a generation was recorded, after the fact.

        It is the one thing that is added to a generation; where it is not there, nothing is known.
        """
        folder = self.output / "generations" / f"{generation:010d}"
        with contextlib.suppress(RpzctlError):
            write_aside(folder / COMMIT, f"{commit}\n".encode(), mode=0o644, sure=False)

    def commit_of(self, manifest: Manifest) -> str:
        """Return the commit that recorded a generation, or that it was made from; or nothing."""
        try:
            return (self.folder(manifest) / COMMIT).read_text(encoding="ascii").strip()
        except (OSError, UnicodeDecodeError):
            return manifest.cause.commit

    def kept(self) -> list[Manifest]:
        """Return the generations that are kept, the oldest first, without the `damaged` ones."""
        return [found for found in map(self._read_or_fault, self._manifests()) if found is not None]

    def damaged(self) -> list[Path]:
        """Return the manifests of kept generations that cannot be read: nothing goes back there."""
        return [path for path in self._manifests() if self._read_or_fault(path) is None]

    def _manifests(self) -> list[Path]:
        return sorted((self.output / "generations").glob("[0-9]*/" + MANIFEST))

    def _read_or_fault(self, path: Path) -> Manifest | None:
        try:
            return self._read(path)
        except RpzctlError:
            return None

    def next_number(self) -> int:
        """Return the number of the next generation; one that was ever used is not used again."""
        return max(*self.numbers(), self.remembered()[0], 0) + 1
