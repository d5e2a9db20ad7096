"""The plan: what would change, as a value. It can be printed, kept as JSON, and hashed."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

from rpzctl.errors import RpzctlError
from rpzctl.guards import Stop
from rpzctl.manifest import Manifest, Moved, ZoneEntry, digest_of
from rpzctl.render import Drawn
from rpzctl.rows import Diff, Few, Rows
from rpzctl.rpz import Row

SAMPLE = 20
Sign = Literal["+", "-", "~"]


class Candidate(NamedTuple):
    """A policy zone as it should be, or the published one carried over unlooked-at (`kept`)."""

    origin: str
    kept: ZoneEntry | None = None
    drawn: Drawn | None = None
    rows: Rows | None = None
    inputs: str = ""
    change: "ZoneChange | None" = None
    """what becomes of the zone, where that was worked out already: millions of rows are not
    compared twice"""

    @property
    def monitored(self) -> bool:
        """Whether resolvers are to log what the zone would do, and do nothing."""
        if self.kept:
            return self.kept.monitored
        return self.drawn is not None and self.drawn.frame.monitored

    @property
    def digest(self) -> str:
        """Digest of all that the zone says, apart from its serial."""
        if self.kept or self.rows is None or self.drawn is None:
            return self.kept.digest if self.kept else ""
        return zone_digest(self.drawn, self.rows.digest())


def zone_digest(drawn: Drawn, rows_digest: str) -> str:
    """Return the digest of a zone: its frame, its shapes and its rows."""
    shapes = {str(action): shape for action, shape in drawn.shapes.items()}
    return digest_of(drawn.frame.head, drawn.frame.tail, shapes, rows_digest)


class ZoneChange(NamedTuple):
    """What would happen to one zone."""

    origin: str
    status: Literal["new", "changed", "removed", "same"]
    diff: Diff
    frame_changed: bool
    rows: int
    digest: str

    def moved(self) -> Moved:
        """Return how many rows change."""
        if self.status == "removed":
            return Moved(0, self.rows, 0)
        return Moved(len(self.diff.added), len(self.diff.removed), len(self.diff.changed))

    def value(self, limit: int | None = SAMPLE) -> dict[str, Any]:
        """Return the change as a JSON-ready document with at most `limit` rows of each sort."""
        document: dict[str, Any] = {
            "zone": self.origin,
            "status": self.status,
            "rows": self.rows,
            "frame_changed": self.frame_changed,
            "digest": self.digest,
        }
        for name in ("added", "removed", "changed"):
            rows = getattr(self.diff, name)
            shown = list(rows) if limit is None else rows.sample(limit)
            document[name] = len(rows)
            document[f"{name}_rows"] = [row.text() for row in _sorted(shown)]
        return document


def _sorted(rows: list[Row]) -> list[Row]:
    from rpzctl.names import sort_key

    return sorted(rows, key=lambda row: (sort_key(row.name), row.scope))


NOTHING = Diff(Few(), Few(), Few())


class Plan(NamedTuple):
    """Everything that `apply` would do, from generation `base` on."""

    base: int
    zones: tuple[ZoneChange, ...]
    sinkholes_added: tuple[str, ...]
    sinkholes_removed: tuple[str, ...]
    sinkhole_changed: bool
    """the zone file that sinkhole zones share says something else"""
    fragments: tuple[str, ...]
    """the fragments of named.conf that differ"""
    stops: tuple[Stop, ...] = ()
    """what the guards say against it"""
    result: str = ""
    """digest of the policy that it leads to, whatever it begins from"""

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to publish."""
        return not (
            any(zone.status != "same" for zone in self.zones)
            or self.sinkholes_added
            or self.sinkholes_removed
            or self.sinkhole_changed
            or self.fragments
        )

    def value(self, limit: int | None = SAMPLE) -> dict[str, Any]:
        """Return the plan as a JSON-ready document; `limit` bounds the rows, not the counts."""
        return {
            "base": self.base,
            "empty": self.is_empty,
            "zones": [zone.value(limit) for zone in self.zones],
            "sinkholes_added": list(self.sinkholes_added),
            "sinkholes_removed": list(self.sinkholes_removed),
            "sinkhole_changed": self.sinkhole_changed,
            "fragments": list(self.fragments),
            "stops": [
                {"guard": s.guard, "subject": s.subject, "reason": s.reason} for s in self.stops
            ],
            "result": self.result,
            "digest": self.digest,
        }

    @property
    def digest(self) -> str:
        """A digest of the plan: the same for the same change from the same base."""
        return digest_of(
            self.base,
            [(zone.origin, zone.status, zone.digest) for zone in self.zones],
            self.sinkholes_added,
            self.sinkholes_removed,
            self.sinkhole_changed,
            self.fragments,
            self.result,
        )


def zone_change(
    candidate: Candidate, base: Manifest | None, saved: Mapping[str, Any]
) -> ZoneChange:
    """Return what becomes of the zone of `candidate`; `saved` has the paths of published rows."""
    if candidate.change is not None:
        return candidate.change
    old = base.zones.get(candidate.origin) if base else None
    digest = candidate.digest
    if candidate.kept or candidate.rows is None or candidate.drawn is None:
        rows = candidate.kept.rows if candidate.kept else 0
        return ZoneChange(candidate.origin, "same", NOTHING, False, rows, digest)
    if old and old.digest == digest:
        return ZoneChange(candidate.origin, "same", NOTHING, False, old.rows, digest)
    same_rows = old is not None and old.rows_digest == candidate.rows.digest()
    return ZoneChange(
        origin=candidate.origin,
        status="changed" if old else "new",
        diff=NOTHING if same_rows else _diff(candidate.rows, saved.get(candidate.origin)),
        frame_changed=old is not None and old.frame != candidate.drawn.frame,
        rows=len(candidate.rows),
        digest=digest,
    )


def _diff(rows: Rows, saved: Path | None) -> Diff:
    """Return the difference from the rows saved; where those are damaged, from nothing."""
    try:
        return rows.diff(saved)
    except RpzctlError:
        return rows.diff(None)
