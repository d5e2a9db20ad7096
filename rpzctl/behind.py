"""What policy zones one behind the other say of a name, looked up where each zone is at hand.

A zone may be published already (its file is searched), made just now as a table, or small.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol

from rpzctl import fresh
from rpzctl.fresh import Unsayable
from rpzctl.names import Domain, ancestors, sort_key
from rpzctl.plan import Candidate
from rpzctl.policy import Effect
from rpzctl.published import Published
from rpzctl.rpz import BITS, PASSTHRU, Action, Scope
from rpzctl.table import TableRows

if TYPE_CHECKING:
    from rpzctl.rows import Rows

_EXACT, _BELOW = BITS[Scope.EXACT], BITS[Scope.BELOW]


class Zone(Protocol):
    """One policy zone, to be asked what it has in so many words."""

    def of(self, name: Domain) -> Effect | None:
        """Return what it has of `name` and of what is below it; None: nothing of either."""

    def any_below(self, name: Domain) -> bool:
        """Tell whether it has names below `name`."""


class Small(NamedTuple):
    """A zone of few rows."""

    said: fresh.Said
    keys: Sequence[str]
    """of its names, sorted"""

    def of(self, name: Domain) -> Effect | None:
        """Return what it has of `name` and of what is below it."""
        return self.said.effects.get(name)

    def any_below(self, name: Domain) -> bool:
        """Tell whether it has names below `name`."""
        below = sort_key(name) + "\0"
        at = bisect_left(self.keys, below)
        return at < len(self.keys) and self.keys[at].startswith(below)


class Table(NamedTuple):
    """A zone of many rows."""

    rows: TableRows

    def of(self, name: Domain) -> Effect | None:
        """Return what it has of `name` and of what is below it."""
        frame = self.rows.frame
        itself = below = None
        at = self._at(sort_key(name))
        while at < frame.height and frame["name"][at] == name:
            action = PASSTHRU if frame["passes"][at] else self.rows.action
            scope = frame["scope"][at]
            itself = action if scope & _EXACT else itself
            below = action if scope & _BELOW else below
            at += 1
        return Effect(itself, below) if itself or below else None

    def any_below(self, name: Domain) -> bool:
        """Tell whether it has names below `name`."""
        at = self._at(sort_key(name) + "\0")
        names = self.rows.frame["name"]
        return at < len(names) and names[at].endswith(f".{name}")

    def _at(self, key: str) -> int:
        names = self.rows.frame["name"]
        return bisect_left(range(len(names)), key, key=lambda place: sort_key(names[place]))


class Zones(NamedTuple):
    """Policy zones in order: the first that speaks of a name ends the matter."""

    zones: tuple[Zone, ...] = ()

    def itself(self, name: Domain) -> Action | None:
        """Return what they do to `name`; None: nothing. Raises `Unsayable`."""
        for zone in self.zones:
            held = _of(zone, name)
            action = held.itself if held else _wider(zone, name)
            if action is not None:
                return action
        return None

    def below(self, name: Domain) -> Action | None:
        """Return what they do to all that is below `name`. Raises `Unsayable` if that differs."""
        for zone in self.zones:
            try:
                if zone.any_below(name):
                    raise Unsayable
            except (OSError, ValueError):
                raise Unsayable from None
            held = _of(zone, name)
            action = held.below if held else _wider(zone, name)
            if action is not None:
                return action
        return None


def _wider(zone: Zone, name: Domain) -> Action | None:
    for parent in ancestors(name):
        held = _of(zone, parent)
        if held is not None:
            return held.below
    return None


def _of(zone: Zone, name: Domain) -> Effect | None:
    try:
        return zone.of(name)
    except (OSError, ValueError):  # gone, or of a template that says what no action says
        raise Unsayable from None


def zones(candidates: Iterable[Candidate], folder: Path | None) -> Zones:
    """Return the zones of `candidates`; the published ones among them are in `folder`."""
    return Zones(tuple(_zone(candidate, folder) for candidate in candidates))


def _zone(candidate: Candidate, folder: Path | None) -> Zone:
    if candidate.rows is not None:
        return of_rows(candidate.rows)
    assert candidate.kept is not None and folder is not None, "it is published"  # noqa: S101, PT018 - as said
    return Published(folder, candidate.kept)


def of_rows(rows: "Rows") -> Zone:
    """Return the zone that has `rows`."""
    if isinstance(rows, TableRows):
        return Table(rows)
    made = fresh.said(rows.all())
    return Small(made, sorted(map(sort_key, made.effects)))
