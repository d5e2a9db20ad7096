"""The generations that are kept: who made each, from what, and what it changed."""

from typing import Any, NamedTuple

from rpzctl.manifest import Manifest
from rpzctl.store import Store


class Entry(NamedTuple):
    """A kept generation."""

    manifest: Manifest
    current: bool
    proven: bool
    """the last one that a resolver was seen to serve"""
    commit: str
    """of the policy repo"""

    @property
    def moved(self) -> tuple[int, int, int]:
        """How many rows were added, removed and changed in all zones together."""
        counts = list(self.manifest.moved.values())
        return (
            sum(each.added for each in counts),
            sum(each.removed for each in counts),
            sum(each.changed for each in counts),
        )

    def state(self) -> str:
        """Return in words what it is."""
        made = self.manifest
        words = ["current"] * self.current + ["proved"] * self.proven
        words += [f"says what {made.of} said"] * bool(made.of) + ["held"] * bool(made.held)
        return ", ".join(words + ["a step on the way"] * made.passing)

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        made = self.manifest
        return {
            "generation": made.generation,
            "made": made.made,
            **made.cause._asdict(),
            "commit": self.commit,
            "current": self.current,
            "proven": self.proven,
            "of": made.of or None,
            "held": made.held._asdict() if made.held else None,
            "passing": made.passing,
            "zones": {
                origin: {
                    "serial": made.zones[origin].serial,
                    "rows": made.zones[origin].rows,
                    **(made.moved[origin]._asdict() if origin in made.moved else {}),
                }
                for origin in made.policy_zones
            },
            "zones_removed": [origin for origin in made.moved if origin not in made.zones],
            "sinkholes": len(made.sinkholes),
            "feeds": dict(made.feeds),
        }


def history(store: Store) -> list[Entry]:
    """Return the generations that are kept, the newest first. Raises `RpzctlError`."""
    current, proven = store.current(), store.proven()
    return [
        Entry(
            made,
            current=current is not None and made.generation == current.generation,
            proven=proven is not None and made.generation == proven.generation,
            commit=store.commit_of(made),
        )
        for made in reversed(store.kept())
    ]
