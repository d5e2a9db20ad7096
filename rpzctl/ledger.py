"""Who lists which name, and what became of it: a sorted text for each feed group, for `why`.

``<state>/ledger/ORIGIN.names`` has a line for each name that any feed of the group listed when its
zone was made as a whole, before anything was left out: name, scope, which feeds list it and what is
below it, first seen, and why it is not in the zone. ``ORIGIN.fresh`` has the names of which
something changed since, as they are now (see `rpzctl.fresh`), and ``ORIGIN.gone`` those that no
feed lists any more, and when they were seen last. All are sorted by reversed labels and so can be
searched without being read: a question costs some twenty looks at the file, at ten million names as
at a thousand. ``ORIGIN.json`` says of which zones.
"""

import json
import mmap
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from rpzctl.errors import RpzctlError
from rpzctl.names import ancestors, sort_key
from rpzctl.rpz import SCOPES

if TYPE_CHECKING:
    from rpzctl.merge import Made

_LAST = 253_402_300_799
"""the last second of the year 9999, since 1970"""
COLUMNS = ("name", "scope", "exact", "below", "since", "fate")
"""of ``ORIGIN.names``"""
GONE = ("name", "since", "until")
"""of ``ORIGIN.gone``"""
FRESH = (*COLUMNS, "until")
"""of ``ORIGIN.fresh``"""
_SUFFIXES = (".names", ".gone", ".fresh", ".json")


class Head(NamedTuple):
    """Of which zones a ledger is, and what they were made from."""

    inputs: str = ""
    """digest of all that the group's zones were made from"""
    zones: Mapping[str, str] = MappingProxyType({})
    """the zones by origin, with their digests"""
    feeds: tuple[str, ...] = ()
    """in the order of the bits"""
    settings: str = ""
    """digest of the same as `inputs`, but for the copies; empty: these zones are no beginning to go
    on from"""
    copies: Mapping[str, str] = MappingProxyType({})
    """of which copy of each feed ``ORIGIN.names`` tells"""
    behind: str = ""
    """digest of the zones behind, if the zones depend on what those say"""
    octets: int = 0
    """of ``ORIGIN.names``"""

    def tells_of(self, zones: Mapping[str, str]) -> bool:
        """Tell whether the ledger is of `zones`, which are given as in its field."""
        return dict(self.zones) == dict(zones)


class Page(NamedTuple):
    """What is to be written of one zone that was made as a whole."""

    origin: str
    head: Head
    made: "Made"


class Line(NamedTuple):
    """What is listed of one name now."""

    name: str
    scope: int
    exact: int
    below: int
    """which feeds list it, and what is below it; 0 and 0: none any more"""
    fate: str = ""


class Listing(NamedTuple):
    """A name that feeds of a zone list."""

    name: str
    scope: int
    """of `rpzctl.rpz.BITS`; what a feed group's consensus left of it is for the zone to say"""
    feeds: tuple[str, ...]
    since: int
    """first seen in this zone: seconds since 1970, UTC"""
    fate: str
    """why it is not in the zone: few, public-suffix, protected, top-site, too-long or excepted;
    empty: it is, or a listed parent covers it"""


class Gone(NamedTuple):
    """A name that feeds of a zone listed once."""

    name: str
    since: int
    until: int
    """first and last seen: seconds since 1970, UTC"""


def head(folder: Path, origin: str) -> Head:
    """Return what the ledger of the zone `origin` is of; an empty head if it is damaged or none."""
    try:
        value = json.loads((folder / f"{origin}.json").read_text("utf-8"))
        found = Head(**{key: value[key] for key in Head._fields})
        whole = (folder / f"{origin}.names").stat().st_size == found.octets
        sound = isinstance(found.zones, dict) and isinstance(found.copies, dict)
        return found._replace(feeds=tuple(map(str, found.feeds))) if whole and sound else Head()
    except (OSError, ValueError, KeyError, TypeError):
        return Head()


def feeds_of(folder: Path, origin: str) -> list[str]:
    """Return the feeds that the zone `origin` was made of, as its ledger says."""
    try:
        feeds = json.loads((folder / f"{origin}.json").read_text("utf-8"))["feeds"]
    except (OSError, ValueError, KeyError, TypeError):
        return []
    return [str(feed) for feed in feeds] if isinstance(feeds, list) else []


def listings(folder: Path, origin: str, names: list[str]) -> list[Listing]:
    """Return what the zone's ledger has of `names`; nothing where there is no ledger."""
    order = feeds_of(folder, origin)
    fresh = by_name(search(folder / f"{origin}.fresh", names, len(FRESH)))
    settled = by_name(search(folder / f"{origin}.names", names, len(COLUMNS)))
    found = []
    for name in names:
        fields = fresh.get(name) or settled.get(name)
        if fields is None:
            continue
        with suppress(ValueError):  # damaged
            scope, exact, below, since, fate = fields[1:6]
            mask = int(exact) | int(below)
            listed = tuple(feed for place, feed in enumerate(order) if mask >> place & 1)
            if listed:
                found.append(Listing(name, _scope(scope), listed, _moment(since), fate))
    return found


def by_name(lines: Iterable[list[str]]) -> dict[str, list[str]]:
    """Return the fields of lines by the first of them, the name."""
    return {fields[0]: fields for fields in lines}


def _scope(text: str) -> int:
    scope = int(text)
    if scope not in SCOPES:
        raise ValueError(f"{scope} is no scope")
    return scope


def _moment(text: str) -> int:
    """Return seconds since 1970. Raises ValueError for what no date can say."""
    moment = int(text)
    if not 0 <= moment <= _LAST:
        raise ValueError(f"{moment} is no moment")
    return moment


def gone(folder: Path, origin: str, names: list[str]) -> list[Gone]:
    """Return which of `names` the zone's feeds listed once and do no more."""
    fresh = by_name(search(folder / f"{origin}.fresh", names, len(FRESH)))
    found = []
    for name, since, until in search(folder / f"{origin}.gone", names, len(GONE)):
        with suppress(ValueError):  # damaged
            if name not in fresh:
                found.append(Gone(name, _moment(since), _moment(until)))
    for name, _, exact, below, since, _, until in fresh.values():
        with suppress(ValueError):
            if not int(exact) and not int(below):
                found.append(Gone(name, _moment(since), _moment(until)))
    return found


def around(
    folder: Path, origin: str, names: Iterable[str], most: int
) -> dict[str, tuple[int, int]] | None:
    """Return what was listed of `names`, above them and below them: exact and below, by name.

    As of when the zone was made as a whole. None: it is more than `most` names, or damaged.
    """
    path = folder / f"{origin}.names"
    wanted = sorted(names, key=sort_key)
    found: dict[str, tuple[int, int]] = {}
    try:
        if not path.stat().st_size:  # mmap has no empty maps
            return {}
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for name in wanted:
                if name not in found:
                    _take_below(text, name, found, most)
                if len(found) > most:
                    return None
            for parent in {parent for name in wanted for parent in ancestors(name)}:
                fields = _line(text, _at(text, sort_key(parent))).split(",")
                if fields[0] == parent:
                    found[parent] = (int(fields[2]), int(fields[3]))
    except (OSError, ValueError, IndexError):
        return None
    return found


def _take_below(text: mmap.mmap, name: str, found: dict[str, tuple[int, int]], most: int) -> None:
    """Add to `found` what is listed of `name` and below it, until there are more than `most`."""
    key = sort_key(name)
    at = _at(text, key)
    while len(found) <= most:
        line = _line(text, at)
        fields = line.split(",")
        here = sort_key(fields[0])
        if not line or (here != key and not here.startswith(key + "\0")):
            return
        found[fields[0]] = (int(fields[2]), int(fields[3]))
        at += len(line) + 1


def search(path: Path, names: list[str], columns: int) -> Iterator[list[str]]:
    """Give the fields of the lines of `names` in a sorted file; a damaged line counts as none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for name in names:
                fields = _line(text, _at(text, sort_key(name))).split(",")
                if fields[0] == name and len(fields) == columns:
                    yield fields
    except (OSError, ValueError):  # none, or empty: mmap has no empty maps
        return


def _at(text: mmap.mmap, key: str) -> int:
    """Return where the first line of `text` begins whose name does not sort before `key`."""
    low, high = 0, len(text)
    while low < high:
        middle = (low + high) // 2
        start = text.rfind(b"\n", low, middle) + 1 or low
        end = text.find(b"\n", start, high)
        end = high if end < 0 else end
        if sort_key(text[start:end].split(b",", 1)[0].decode("ascii", "replace")) < key:
            low = end + 1
        else:
            high = start
    return low


def _line(text: mmap.mmap, at: int) -> str:
    """Return the line of `text` that begins at `at`; an empty one at its end."""
    end = text.find(b"\n", at)
    return text[at : end if end >= 0 else len(text)].decode("ascii", "replace")


def prune(folder: Path, origins: set[str]) -> None:
    """Remove the ledgers of zones that are no more. Raises `RpzctlError`."""
    for path in folder.glob("*.json"):
        if path.stem not in origins:
            for suffix in _SUFFIXES:
                old = path.with_suffix(suffix)
                try:
                    old.unlink(missing_ok=True)
                except OSError as fault:
                    raise RpzctlError(f"cannot remove {old}: {fault.strerror}") from None
