"""A name looked up in a published policy zone, as a resolver does, without reading the file.

The records stand in canonical order, a name's own before its wildcard's, and names that exist under
a wider block have it in so many words: the nearest name that the zone has decides.
"""

import mmap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from rpzctl.manifest import ZoneEntry
from rpzctl.names import Domain, ancestors, printable, sort_key
from rpzctl.policy import Effect
from rpzctl.rpz import MARKS, PASSTHRU, Action, parse_action


class Trigger(NamedTuple):
    """The record of a zone that covers a name."""

    owner: str
    """relative to the zone"""
    action: str


class Published(NamedTuple):
    """A published policy zone, to be asked what it has in so many words."""

    folder: Path
    entry: ZoneEntry

    def of(self, name: Domain) -> Effect | None:
        """Return what the zone has of `name` and of what is below it; None: nothing of either.

        Raises ValueError for a record that says nothing that rpzctl knows.
        """
        with opened(self.folder, self.entry) as (text, start, end):
            held = _records(text, start, end, name)
        if not held:
            return None
        return Effect(_known(held.get(name)), _known(held.get(f"*.{name}")))

    def any_below(self, name: Domain) -> bool:
        """Tell whether the zone has names below `name`."""
        with opened(self.folder, self.entry) as (text, start, end):
            return has_below(text, start, end, name)


def _known(record: str | None) -> Action | None:
    if record is None:
        return None
    action = _action(record)
    return PASSTHRU if action == str(PASSTHRU) else parse_action(action)


@contextmanager
def opened(folder: Path, entry: ZoneEntry) -> Iterator[tuple[mmap.mmap, int, int]]:
    """Give the text of a zone, and where its records begin and end. Raises OSError, ValueError."""
    start, length = entry.span
    with (
        (folder / entry.file).open("rb") as file,
        mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text,
    ):
        yield text, start, min(start + length, len(text))


def find(folder: Path, entry: ZoneEntry, name: Domain) -> Trigger | None:
    """Return what the zone of `entry`, whose file is in `folder`, says of a query for `name`."""
    try:
        with opened(folder, entry) as (text, start, end):
            for each in (name, *ancestors(name)):
                held = _records(text, start, end, each)
                if held:
                    owner = each if each == name else f"*.{each}"
                    record = held.get(owner)
                    return Trigger(owner, _action(record)) if record else None
    except (OSError, ValueError):
        return None
    return None


def all_records(text: mmap.mmap, low: int, high: int, name: str) -> dict[str, list[str]]:
    """Return the records of `name` and of its wildcard, by owner: type and data."""
    found: dict[str, list[str]] = {}
    for owner, rest in _lines(text, low, high, name):
        words = rest.split(" ")
        while len(words) > 1 and (words[0].isdigit() or words[0] == "IN"):
            words = words[1:]  # TTL and class
        found.setdefault(owner, []).append(" ".join(words))
    return found


def has_below(text: mmap.mmap, low: int, high: int, name: str) -> bool:
    """Tell whether the records have names below `name`."""
    at = _at(text, low, high, sort_key(name) + "\0")
    line = text[at : text.find(b"\n", at, high) + 1 or high] if at < high else b""
    return _key(line).startswith(sort_key(name) + "\0")


def _records(text: mmap.mmap, low: int, high: int, name: str) -> dict[str, str]:
    """Return the first record of `name` and of its wildcard, by owner."""
    found: dict[str, str] = {}
    for owner, rest in _lines(text, low, high, name):
        found.setdefault(owner, rest)
    return found


def _lines(text: mmap.mmap, low: int, high: int, name: str) -> Iterator[tuple[str, str]]:
    """Give the records of `name` and of its wildcard: owner, and what stands behind it."""
    key = sort_key(name)
    at = _at(text, low, high, key)
    while at < high:
        after = text.find(b"\n", at, high) + 1 or high
        line = text[at:after]
        if _key(line) != key:
            break
        owner, _, rest = line.decode("ascii", "replace").strip().partition(" ")
        yield owner, rest
        at = after


def _at(text: mmap.mmap, low: int, high: int, key: str) -> int:
    """Return where the first record begins whose owner does not sort before `key`."""
    at = low
    while at < high:
        middle = (at + high) // 2
        line = text.rfind(b"\n", at, middle) + 1 or at
        after = text.find(b"\n", line, high) + 1 or high
        if _key(text[line:after]) < key:
            at = after
        else:
            high = line
    return at


def _key(line: bytes) -> str:
    owner = line.partition(b" ")[0].decode("ascii", "replace")
    return sort_key(owner.removeprefix("*."))


def _action(record: str) -> str:
    """Return for people what a record (``CNAME .``, perhaps with TTL and class) does."""
    words = record.split()
    if len(words) > 1 and words[-2] == "CNAME":
        mark = MARKS.get(words[-1])
        return str(mark) if mark else f"cname:{printable(words[-1].rstrip('.'))}"
    # The records of a sinkhole have a TTL of their own, local data of a rule that of the zone.
    return "sinkhole" if words and words[0].isdigit() else f"data:{printable(record, 200)}"
