"""The fresh zone: a small policy zone in front of a large settled one, for what changed since.

BIND scans a whole policy zone anew for one added name, which takes seconds for a million. So a
large feed group has two zones: what was made as a whole (the settled zone), and in front of it one
with a row wherever the group says something else by now. A name that came is blocked there; one
that went passes there, or gets what the zones behind the group's say of it, for the first policy
zone that speaks of a name ends the matter. What the two say together is, name for name, what one
zone made as a whole would say.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple, Protocol

import polars as pl

from rpzctl import policy
from rpzctl.ledger import Line
from rpzctl.merge import Made
from rpzctl.names import Domain, ancestors, sort_key
from rpzctl.ranges import key_of
from rpzctl.rpz import BITS, PASSTHRU, SCOPES, Action, Row, Scope

_EXACT, _BELOW = BITS[Scope.EXACT], BITS[Scope.BELOW]


class Unsayable(Exception):
    """What changed cannot be said in a few rows in front of the settled zone."""


class Behind(Protocol):
    """What the policy zones behind one group's say."""

    def itself(self, name: Domain) -> Action | None:
        """Return what they do to `name`; None: nothing."""

    def below(self, name: Domain) -> Action | None:
        """Return what they do to all that is below `name`. Raises `Unsayable` if that differs."""


class Said(NamedTuple):
    """What rows of one zone say."""

    effects: dict[Domain, policy.Effect]

    def itself(self, name: Domain) -> Action | None:
        """Return what the zone does to `name`; None: nothing."""
        held = self.effects.get(name)
        return held.itself if held else self._wider(name)

    def below(self, name: Domain) -> Action | None:
        """Return what the zone does below `name`, where nothing else is said; None: nothing."""
        held = self.effects.get(name)
        return held.below if held else self._wider(name)

    def _wider(self, name: Domain) -> Action | None:
        for parent in ancestors(name):
            held = self.effects.get(parent)
            if held is not None:
                return held.below
        return None


def said(rows: Iterable[Row]) -> Said:
    """Return what `rows` say."""
    effects: dict[Domain, policy.Effect] = {}
    for name, scope, action in rows:
        itself, below = effects.get(name, policy.Effect(None, None))
        effects[name] = policy.Effect(
            action if BITS[scope] & _EXACT else itself,
            action if BITS[scope] & _BELOW else below,
        )
    return Said(effects)


def listed(masks: dict[str, tuple[int, int]]) -> pl.DataFrame:
    """Return what is listed of names, given as exact and below, as `merge.resolve` takes it."""
    there = [(name, exact, below) for name, (exact, below) in masks.items() if exact | below]
    schema = {"name": pl.String, "exact": pl.UInt64, "below": pl.UInt64}
    frame = pl.DataFrame(there, schema=schema, orient="row")
    return frame.with_columns(key=key_of(pl.col("name"))).sort("key")


def rows_of(made: Made, action: Action) -> Iterator[Row]:
    """Give the rows of a zone of which `action` is that of all rows that do not pass."""
    for name, scope, passes in made.frame.select("name", "scope", "passes").iter_rows():
        yield Row(Domain(name), SCOPES[scope], PASSTHRU if passes else action)


def rows(before: Said, now: Said, behind: Behind) -> tuple[Row, ...]:
    """Return the rows that make `now` of a zone that says `before`, in canonical order.

    Both say all that there is of the names of which something changed, above them and below them.
    Raises `Unsayable`.
    """
    own: dict[tuple[Domain, Scope], Action] = {}
    for name in sorted({*before.effects, *now.effects}, key=sort_key):
        wide = next((own[p, Scope.BELOW] for p in ancestors(name) if (p, Scope.BELOW) in own), None)
        itself, below = now.itself(name), now.below(name)
        if wide is None and itself != before.itself(name):
            own[name, Scope.EXACT] = itself or behind.itself(name) or PASSTHRU
        if wide is None and below != before.below(name):
            own[name, Scope.BELOW] = below or behind.below(name) or PASSTHRU
        if wide is not None:
            # A row above takes this name, too: all that is not as that says has to be said.
            itself = itself or behind.itself(name) or PASSTHRU
            below = below or behind.below(name) or PASSTHRU
            if itself != wide:
                own[name, Scope.EXACT] = itself
            if below != wide:
                own[name, Scope.BELOW] = below
    return tuple(policy.rows(policy.effects(own)))


def lines(before: Made, now: Made, names: Iterable[str]) -> list[Line]:
    """Return what is listed now of `names`, and of other names of which something else became."""
    was, listed_now = _lines(before), _lines(now)
    wanted = {*names, *(name for name, line in listed_now.items() if was.get(name) != line)}
    return [listed_now.get(name) or Line(name, 0, 0, 0) for name in wanted]


def _lines(made: Made) -> dict[str, Line]:
    fates = {row: word for word, rows in made.fates for row in rows.to_list()}
    columns = made.merged.select("row", "name", "scope", "exact", "below")
    return {
        name: Line(name, scope, exact, below, fates.get(row, ""))
        for row, name, scope, exact, below in columns.iter_rows()
    }


def still(old: Iterable[Row], says: Behind, behind: Behind) -> Iterator[Row]:
    """Give those of the `old` rows of a fresh zone that stay right before a new settled zone.

    They bridge the time until a resolver has loaded that. `says` is what the new one says.
    """
    for name, scope, action in old:
        bits = BITS[scope]
        if bits & _EXACT and _told(name, says.itself, behind.itself) != action:
            bits &= ~_EXACT
        if bits & _BELOW and _told(name, says.below, behind.below) != action:
            bits &= ~_BELOW
        if bits:
            yield Row(name, SCOPES[bits], action)


def _told(name: Domain, *ask: Callable[[Domain], Action | None]) -> Action | None:
    """Return what a fresh zone would say of `name`; None: it cannot be said."""
    try:
        return next((action for each in ask if (action := each(name)) is not None), PASSTHRU)
    except Unsayable:
        return None
