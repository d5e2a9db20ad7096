"""What a feed adds to the others: names that it alone lists, and names that it shares.

Names are compared as they are listed: one that another feed covers by a name above it counts as
the feed's own.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import catalogue, feed_groups
from rpzctl.config import Config

if TYPE_CHECKING:
    from pathlib import Path

    import polars as pl


class Shared(NamedTuple):
    """Names that another feed lists, too."""

    feed: str
    names: int
    percent: float
    """of the names of the feed that is looked at"""


class Contribution(NamedTuple):
    """What a feed adds to the others that are enabled."""

    names: int
    """each once"""
    unique: int
    """that no other enabled feed lists"""
    shared: tuple[Shared, ...]
    """with each other enabled feed that has a last good copy, the most first"""

    def value(self) -> dict[str, Any]:
        """Return it as a JSON-ready document."""
        return {**self._asdict(), "shared": [each._asdict() for each in self.shared]}


def contribution(config: Config, name: str) -> Contribution | None:
    """Return what the last good copy of the feed `name` adds; None: there is none.

    A million names against ten feeds of as many take some seconds; two copies are in memory at a
    time.
    """
    store = feed_groups.snapshots(config)
    if not store.names_file(name).is_file():
        return None
    mine = _names(store.names_file(name))
    left = mine
    shared = []
    for feed in catalogue.load(config).values():
        path = store.names_file(feed.name)
        if not feed.enabled or feed.name == name or not path.is_file():
            continue
        theirs = _names(path)
        both = mine.join(theirs, on="name", how="semi").height
        left = left.join(theirs, on="name", how="anti") if both else left
        shared.append(Shared(feed.name, both, round(100 * both / max(mine.height, 1), 1)))
    shared.sort(key=lambda each: (-each.names, each.feed))
    return Contribution(mine.height, left.height, tuple(shared))


def _names(path: "Path") -> "pl.DataFrame":
    import polars as pl

    return pl.read_parquet(path, columns=["name"]).unique()
