"""What feeds say otherwise than when their zone was made as a whole: the settled copies.

``<state>/ledger/ORIGIN.settled/FEED.parquet`` is the same file (a link) as the names of the copy
that the zone was made from, for as long as the feed has no newer one; ``FEED.changes`` are the
names of which the feed says something else now, so that they are sought once for each new copy.
"""

import json
import shutil
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl.errors import RpzctlError
from rpzctl.files import ASIDE, link, make_folder, write_aside
from rpzctl.names import parse

if TYPE_CHECKING:
    from rpzctl.merge import Source


class Said(NamedTuple):
    """What a feed says of a name now."""

    itself: bool
    below: bool


class Changes(NamedTuple):
    """The names of which one feed says something else now."""

    feed: str
    between: tuple[str, str]
    """the settled copy and the one of now"""
    names: Mapping[str, Said]


def settle(folder: Path, origin: str, names: Iterable[tuple[str, Path]]) -> None:
    """Keep the names of each feed, given with their files, as those that the zone was made from.

    Raises `RpzctlError`.
    """
    home = _home(folder, origin)
    aside = folder / f"{ASIDE}{home.name}"
    try:
        # Killed between the files, no head may tell of some that are of another copy.
        (folder / f"{origin}.json").unlink(missing_ok=True)
        for old in (aside, home):
            shutil.rmtree(old, ignore_errors=True)
        make_folder(aside, 0o700, above=True)
        for feed, path in names:
            link(path, aside / f"{feed}.parquet")
        aside.rename(home)
    except OSError as fault:
        raise RpzctlError(f"cannot write {home}: {fault.strerror}") from None


def forget(folder: Path, origins: set[str]) -> None:
    """Remove what is kept of zones that are not in `origins`."""
    for home in folder.glob("*.settled"):
        if home.stem not in origins:
            shutil.rmtree(home, ignore_errors=True)


def known(folder: Path, origin: str, feed: str, between: tuple[str, str]) -> Changes | None:
    """Return the changes of `feed` that were found before, if they are of the copies `between`."""
    with suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        value = json.loads((_home(folder, origin) / f"{feed}.changes").read_bytes())
        if tuple(value["between"]) == between:
            said: dict[str, Said] = {
                parse(name): Said(*each) for name, each in value["names"].items()
            }
            if all(isinstance(bit, bool) for each in said.values() for bit in each):
                return Changes(feed, between, said)
    return None


def keep(folder: Path, origin: str, changes: Changes) -> None:
    """Keep the changes of a feed. Raises `RpzctlError`."""
    value = {"between": changes.between, "names": dict(changes.names)}
    path = _home(folder, origin) / f"{changes.feed}.changes"
    write_aside(path, json.dumps(value).encode("ascii"), mode=0o600)


def find(
    folder: Path, origin: str, now: "Source", between: tuple[str, str], most: int
) -> Changes | None:
    """Return the names of which the feed of `now` says something else than its settled copy.

    None: they are more than `most`, or the settled copy cannot be read.
    """
    import polars as pl

    from rpzctl import merge
    from rpzctl.table import membership, stored

    old = stored(_home(folder, origin) / f"{now.feed}.parquet", ["name", "scope"])
    if old is None or old.schema != {"name": pl.String, "scope": pl.UInt8}:
        return None
    new = now.names.select("name", "scope")
    in_old, in_new = membership(new, old, ["name", "scope"])
    names = pl.concat([new.filter(~in_old)["name"], old.filter(~in_new)["name"]]).unique()
    if len(names) > most:
        return None
    rows = new.filter(pl.col("name").is_in(names.implode()))
    votes = merge.votes(now._replace(names=rows), 0)
    said = dict.fromkeys(names.to_list(), Said(itself=False, below=False))
    for name, exact, below in votes.select("name", "exact", "below").iter_rows():
        said[name] = Said(bool(exact), bool(below))
    return Changes(now.feed, between, dict(sorted(said.items())))


def _home(folder: Path, origin: str) -> Path:
    return folder / f"{origin}.settled"
