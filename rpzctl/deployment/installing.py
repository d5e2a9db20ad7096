"""Files into their places: shown, compared with what is there, written.

A file that was drawn from a template ends in a digest of itself. By that a later version knows that
nobody has edited it, and may replace it; one that was edited stays unless it is overruled.
"""

import hashlib
import re
from collections.abc import Sequence
from difflib import unified_diff
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from rpzctl import render, shipped
from rpzctl.deployment.machine import Machine
from rpzctl.deployment.parts import Part
from rpzctl.deployment.quoting import FILTERS
from rpzctl.errors import Refused, RpzctlError, UsageFault
from rpzctl.files import write_aside

if TYPE_CHECKING:
    import jinja2

State = Literal["absent", "same", "older", "edited"]
_MARK = re.compile(rb"# drawn by rpzctl, sha256 ([0-9a-f]{64})\n\Z")


class Piece(NamedTuple):
    """A file as it is to be, and what is in its place."""

    part: str
    path: Path
    """on the machine"""
    place: Path
    """the same in the tree that is written to"""
    mode: int
    content: bytes
    there: bytes | None
    """None: nothing, or nothing that can be read as a file"""
    state: State
    """older: as an earlier version or other settings drew it, and not edited since"""

    def diff(self) -> list[str]:
        """Return how it differs from what is there, line by line; all of it if nothing is."""
        old, new = (
            text.decode("utf-8", errors="replace").splitlines()
            for text in (self.there or b"", self.content)
        )
        before = "/dev/null" if self.there is None else str(self.path)
        return list(unified_diff(old, new, before, str(self.path), lineterm=""))

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {
            "part": self.part,
            "path": str(self.path),
            "place": str(self.place),
            "mode": f"{self.mode:04o}",
            "state": self.state,
            "text": self.content.decode("utf-8"),
        }


def pieces(machine: Machine, parts: Sequence[Part]) -> list[Piece]:
    """Return the files of `parts` for `machine`. Raises `UsageFault` for settings that do not fit.

    A file that several parts have is there once.
    """
    env, values = _environment(), machine.values()
    found: dict[Path, Piece] = {}
    for part in parts:
        for file, path in part.placed(machine):
            if path in found:
                continue
            if file.drawn:
                content = _marked(env.get_template(file.source).render(values))
            else:
                content = (shipped.folder("deploy") / file.source).read_bytes()
            place = _place(machine.root, path)
            there, state = _compare(place, content)
            found[path] = Piece(part.name, path, place, file.mode, content, there, state)
    return list(found.values())


def _environment() -> "jinja2.Environment":
    import jinja2

    env = render.strict(jinja2.FileSystemLoader(shipped.folder("deploy")))
    env.filters.update(FILTERS)
    return env


def _marked(text: str) -> bytes:
    content = text.encode("utf-8")
    return content + f"# drawn by rpzctl, sha256 {_digest(content)}\n".encode("ascii")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _place(root: Path | None, path: Path) -> Path:
    if root is None:
        return path
    place = root / path.relative_to("/")
    if not place.parent.resolve().is_relative_to(root.resolve()):
        raise UsageFault(f"{place.parent} leads out of {root}")
    return place


def _compare(place: Path, content: bytes) -> tuple[bytes | None, State]:
    """Return what is in a place, and what it is to `content`. A link is somebody's doing."""
    if not place.exists() and not place.is_symlink():
        return None, "absent"
    if place.is_symlink() or not place.is_file():
        return None, "edited"
    try:
        there = place.read_bytes()
    except OSError as fault:
        raise RpzctlError(f"cannot read {place}: {fault.strerror}") from None
    if there == content:
        return there, "same"
    mark = _MARK.search(there)
    own = mark is not None and mark[1].decode("ascii") == _digest(there[: mark.start()])
    return there, "older" if own else "edited"


def install(found: Sequence[Piece], *, force: bool) -> list[Piece]:
    """Write those of `found` that are not in place, and return them; all of them, or none.

    Raises `Refused` when one of them was edited, unless `force`.
    """
    edited = [piece for piece in found if piece.state == "edited"]
    if edited and not force:
        raise Refused(
            "what is in place was edited, or is not of rpzctl",
            details=[line for piece in edited for line in _differences(piece)],
            fix="nothing was written; keep it, or say --force to overwrite it",
        )
    wanted = [piece for piece in found if piece.state != "same"]
    for piece in wanted:
        write_aside(piece.place, piece.content, mode=piece.mode)
        try:
            piece.place.chmod(piece.mode)  # whatever the umask: units and hooks are for others
        except OSError as fault:
            raise RpzctlError(f"cannot write {piece.place}: {fault.strerror}") from None
    return wanted


def _differences(piece: Piece) -> list[str]:
    if piece.there is None:
        return [f"{piece.place} is no plain file"]
    return [str(piece.place), *(f"  {line}" for line in piece.diff()[:40])]
