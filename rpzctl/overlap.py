"""What a feed adds to the others: names that it alone lists, and names that it shares.

Names are compared as they are listed: one that another feed covers by a name above it counts as
the feed's own.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from rpzctl import catalogue, copies, feed_groups
from rpzctl.catalogue import Feed
from rpzctl.config import Config

if TYPE_CHECKING:
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
    feeds = catalogue.load(config)
    mine = _names(config, feeds[name])
    if mine is None:
        return None
    left = mine
    shared = []
    for feed in feeds.values():
        theirs = _names(config, feed) if feed.enabled and feed.name != name else None
        if theirs is None:
            continue
        both = mine.join(theirs, on="name", how="semi").height
        left = left.join(theirs, on="name", how="anti") if both else left
        shared.append(Shared(feed.name, both, round(100 * both / max(mine.height, 1), 1)))
    shared.sort(key=lambda each: (-each.names, each.feed))
    return Contribution(mine.height, left.height, tuple(shared))


def _names(config: Config, feed: Feed) -> "pl.DataFrame | None":
    """Return the names of a feed's last good copy, each once; None: there is none."""
    from rpzctl.table import stored

    store = feed_groups.snapshots(config)
    path = store.names_file(feed.name)
    if not path.is_file():
        return None
    names = stored(path, ["name"])
    if names is None:  # damaged
        names = copies.names_of(config, feed, store.record(feed.name))[0].select("name")
    return names.unique()
