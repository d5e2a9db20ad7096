"""A name looked up in a published policy zone, as a resolver does, without reading the file.

The records stand in canonical order, a name's own before its wildcard's, and names that exist under
a wider block have it in so many words: the nearest name that the zone has decides.
"""

import mmap
from pathlib import Path
from typing import NamedTuple

from rpzctl.names import Domain, ancestors, printable, sort_key
from rpzctl.store import ZoneEntry

_SAYS = {
    ".": "nxdomain",
    "*.": "nodata",
    "rpz-drop.": "drop",
    "rpz-tcp-only.": "tcp-only",
    "rpz-passthru.": "passthru",
}


class Trigger(NamedTuple):
    """The record of a zone that covers a name."""

    owner: str
    """relative to the zone"""
    action: str


def find(folder: Path, entry: ZoneEntry, name: Domain) -> Trigger | None:
    """Return what the zone of `entry`, whose file is in `folder`, says of a query for `name`."""
    start, length = entry.span
    if not length:
        return None
    try:
        with (
            (folder / entry.file).open("rb") as file,
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
        ):
            for each in (name, *ancestors(name)):
                held = _records(text, start, min(start + length, len(text)), each)
                if held:
                    owner = each if each == name else f"*.{each}"
                    record = held.get(owner)
                    return Trigger(owner, _action(record)) if record else None
    except (OSError, ValueError):
        return None
    return None


def _records(text: mmap.mmap, low: int, high: int, name: str) -> dict[str, str]:
    """Return the first record of `name` and of its wildcard, by owner."""
    at, key, end = low, sort_key(name), high
    while at < high:
        middle = (at + high) // 2
        line = text.rfind(b"\n", at, middle) + 1 or at
        after = text.find(b"\n", line, high) + 1 or high
        if _key(text[line:after]) < key:
            at = after
        else:
            high = line
    found: dict[str, str] = {}
    while at < end:
        after = text.find(b"\n", at, end) + 1 or end
        line_text = text[at:after]
        if _key(line_text) != key:
            break
        owner, _, rest = line_text.decode("ascii", "replace").strip().partition(" ")
        found.setdefault(owner, rest)
        at = after
    return found


def _key(line: bytes) -> str:
    owner = line.partition(b" ")[0].decode("ascii", "replace")
    return sort_key(owner.removeprefix("*."))


def _action(record: str) -> str:
    """Return for people what a record (``CNAME .``, perhaps with TTL and class) does."""
    words = record.split()
    if len(words) > 1 and words[-2] == "CNAME":
        return _SAYS.get(words[-1], f"cname:{printable(words[-1].rstrip('.'))}")
    return "sinkhole"
