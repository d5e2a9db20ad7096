"""What changed from one kept generation to another, as a plan."""

from pathlib import Path

from rpzctl import fragments
from rpzctl.build import Target
from rpzctl.manifest import Manifest, ZoneEntry
from rpzctl.names import Domain
from rpzctl.plan import NOTHING, Candidate, Plan, ZoneChange
from rpzctl.policy import OperatorPolicy, effects
from rpzctl.rows import Diff, QuickRows, Rows, damaged, read
from rpzctl.rule import Rule
from rpzctl.store import SINKHOLE, Store


def rows_of(folder: Path, entry: ZoneEntry) -> Rows:
    """Return the rows of a policy zone of the generation in `folder`, as they were saved.

    Raises `RpzctlError` when they are gone or damaged.
    """
    if entry.rows_file is None:
        raise damaged(entry.origin)
    path = folder / entry.rows_file
    if path.suffix == QuickRows(()).suffix:
        return QuickRows(tuple(read(path)))
    from rpzctl.table import saved_rows  # columns: only where a large zone is looked at

    return saved_rows(path)


def operator_policy(store: Store, manifest: Manifest) -> OperatorPolicy:
    """Return what the operator's zone and the sinkhole zones of a generation say.

    Raises `RpzctlError`.
    """
    first = manifest.zones[manifest.policy_zones[0]]
    rows = rows_of(store.folder(manifest), first).all()
    own = {(row.name, row.scope): row.action for row in rows}
    zones = tuple(Rule("block", Domain(name), via="zone") for name in manifest.sinkholes)
    return OperatorPolicy(zones, effects(own))


def target(store: Store, manifest: Manifest, changed: Plan) -> Target:
    """Return a generation as a target, with the rows of those zones that `changed` tells of."""
    folder = store.folder(manifest)
    moved = {zone.origin for zone in changed.zones if zone.status not in {"same", "removed"}}
    found = [
        Candidate(origin, rows=rows_of(folder, manifest.zones[origin]))
        for origin in manifest.policy_zones
        if origin in moved
    ]
    return Target(tuple(found), Candidate(SINKHOLE, rows=QuickRows(())), manifest.sinkholes, {})


def plan(store: Store, old: Manifest | None, new: Manifest) -> Plan:
    """Return what leads from the generation `old` to `new`. Raises `RpzctlError`."""
    was = old.zones if old else {}
    changes = [_change(store, old, new, origin) for origin in new.policy_zones]
    changes += [
        ZoneChange(origin, "removed", NOTHING, False, was[origin].rows, "")
        for origin in (old.policy_zones if old else ())
        if origin not in new.zones
    ]
    before, after = set(old.sinkholes if old else ()), set(new.sinkholes)
    sinkholes = [each.zones[SINKHOLE].digest for each in (old, new) if each]
    return Plan(
        base=old.generation if old else 0,
        zones=tuple(changes),
        sinkholes_added=tuple(sorted(after - before)),
        sinkholes_removed=tuple(sorted(before - after)),
        sinkhole_changed=len(set(sinkholes)) > 1 or old is None,
        fragments=fragments.changed(store.folder(old) if old else None, store.folder(new)),
    )


def _change(store: Store, old: Manifest | None, new: Manifest, origin: str) -> ZoneChange:
    entry = new.zones[origin]
    was = old.zones.get(origin) if old else None
    if was and was.digest == entry.digest:
        return ZoneChange(origin, "same", NOTHING, False, entry.rows, entry.digest)
    if was and was.rows_digest == entry.rows_digest:
        return ZoneChange(origin, "changed", NOTHING, True, entry.rows, entry.digest)
    return ZoneChange(
        origin,
        "changed" if was else "new",
        _diff(store, old, new, origin),
        was is not None and was.frame != entry.frame,
        entry.rows,
        entry.digest,
    )


def _diff(store: Store, old: Manifest | None, new: Manifest, origin: str) -> Diff:
    rows = rows_of(store.folder(new), new.zones[origin])
    was = old.zones.get(origin) if old else None
    if old is None or was is None or was.rows_file is None:
        return rows.diff(None)
    return rows.diff(store.folder(old) / was.rows_file)
