"""Who lists which name, and what became of it: a sorted text for each feed zone, for `why`.

``<state>/ledger/ORIGIN.names`` has a line for each name that any feed of the zone lists, before
anything was left out: name, scope, which feeds, first seen, and why it is not in the zone.
``ORIGIN.gone`` has the names that no feed lists any more, and when they were seen last. Both are
sorted by reversed labels and so can be searched without being read: a question costs some twenty
looks at the file, at ten million names as at a thousand. ``ORIGIN.json`` says of which zone.
"""

import json
import mmap
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl.files import write_aside
from rpzctl.names import sort_key

if TYPE_CHECKING:
    import polars as pl

    from rpzctl.merge import Made

GONE_DAYS = 90
"""so long a name is remembered that no feed lists any more"""
_COLUMNS = ("name", "scope", "feeds", "since", "fate")
_GONE = ("name", "since", "until")


class Page(NamedTuple):
    """What is to be written of one zone."""

    origin: str
    inputs: str
    """digest of all that the zone was made from"""
    feeds: tuple[str, ...]
    """in the order of the bits"""
    made: "Made"


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


def is_of(folder: Path, origin: str, inputs: str) -> bool:
    """Tell whether the ledger of the zone `origin` is whole, and of the zone made from `inputs`."""
    head = _head(folder, origin)
    try:
        whole = (folder / f"{origin}.names").stat().st_size == head.get("octets")
    except OSError:
        return False
    return whole and head.get("inputs") == inputs


def feeds_of(folder: Path, origin: str) -> list[str]:
    """Return the feeds that the zone `origin` was made of, as its ledger says."""
    feeds = _head(folder, origin).get("feeds")
    return [str(feed) for feed in feeds] if isinstance(feeds, list) else []


def _head(folder: Path, origin: str) -> dict[str, object]:
    try:
        head: dict[str, object] = json.loads((folder / f"{origin}.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return head if isinstance(head, dict) else {}


def listings(folder: Path, origin: str, names: list[str]) -> list[Listing]:
    """Return what the zone's ledger has of `names`; nothing where there is no ledger."""
    order = feeds_of(folder, origin)
    found = []
    with suppress(ValueError):  # damaged
        for fields in _search(folder / f"{origin}.names", names, len(_COLUMNS)):
            name, scope, mask, since, fate = fields
            listed = tuple(feed for place, feed in enumerate(order) if int(mask) >> place & 1)
            found.append(Listing(name, int(scope), listed, int(since), fate))
    return found


def gone(folder: Path, origin: str, names: list[str]) -> list[Gone]:
    """Return which of `names` the zone's feeds listed once and do no more."""
    found = _search(folder / f"{origin}.gone", names, len(_GONE))
    with suppress(ValueError):  # damaged
        return [Gone(name, int(since), int(until)) for name, since, until in found]
    return []


def _search(path: Path, names: list[str], columns: int) -> Iterator[list[str]]:
    """Give the fields of the lines of `names` in a sorted file; a damaged line counts as none."""
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
            for name in names:
                fields = _line(text, sort_key(name)).split(",")
                if fields[0] == name and len(fields) == columns:
                    yield fields
    except (OSError, ValueError):  # none, or empty: mmap has no empty maps
        return


def _line(text: mmap.mmap, key: str) -> str:
    """Return the first line of `text` whose name does not sort before `key`, or an empty one."""
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
    end = text.find(b"\n", low)
    return text[low : end if end >= 0 else len(text)].decode("ascii", "replace")


def write(folder: Path, page: Page, now: datetime) -> None:
    """Write the ledger of a zone as of `now`; what was seen before keeps its first moment."""
    import polars as pl

    from rpzctl.table import membership

    moment = int(now.timestamp())
    names, kept = folder / f"{page.origin}.names", folder / f"{page.origin}.gone"
    before = _read(names, _COLUMNS).select("name", "since")
    at = pl.lit(moment, dtype=pl.Int64)
    listed = page.made.merged
    fate = pl.repeat("", listed.height, dtype=pl.String, eager=True)
    for word, rows in page.made.fates:
        fate = fate.scatter(rows, word)
    again, stayed = membership(listed, before, ["name"])
    since = pl.repeat(moment, listed.height, dtype=pl.Int64, eager=True)
    since = since.scatter(again.arg_true(), before.filter(stayed)["since"])
    ledger = listed.select("name", "scope", "feeds", since.alias("since"), fate.alias("fate"))
    left = before.filter(~stayed).with_columns(until=at)
    text = _text(ledger)
    write_aside(names, text, mode=0o600)
    write_aside(kept, _text(_still_gone(_read(kept, _GONE), left, ledger, moment)), mode=0o600)
    head = {"inputs": page.inputs, "feeds": list(page.feeds), "octets": len(text)}
    write_aside(folder / f"{page.origin}.json", json.dumps(head).encode(), mode=0o600)


def _still_gone(
    before: "pl.DataFrame", left: "pl.DataFrame", listed: "pl.DataFrame", moment: int
) -> "pl.DataFrame":
    """Return the names that were gone `before` or have `left` now, without old and listed ones."""
    import polars as pl

    from rpzctl.ranges import key_of

    known = before.filter(pl.col("until") > moment - GONE_DAYS * 86_400)
    known = known.join(listed, on="name", how="anti").join(left, on="name", how="anti")
    union = pl.concat([known, left.select(_GONE)])
    return union.sort(key_of(pl.col("name")))


def _text(frame: "pl.DataFrame") -> bytes:
    import io

    out = io.BytesIO()
    frame.write_csv(out, include_header=False, quote_style="never")
    return out.getvalue()


def _read(path: Path, columns: tuple[str, ...]) -> "pl.DataFrame":
    """Return a file of this module as columns; one that is damaged or not there is empty."""
    import polars as pl

    texts = {"name", "fate"}
    schema: dict[str, type[pl.DataType]] = {
        column: pl.String if column in texts else pl.UInt64 if column == "feeds" else pl.Int64
        for column in columns
    }
    try:
        return pl.read_csv(path, has_header=False, schema=schema, quote_char=None)
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame(schema=schema)


def prune(folder: Path, origins: set[str]) -> None:
    """Remove the ledgers of zones that are no more."""
    for path in folder.glob("*.json"):
        if path.stem not in origins:
            for suffix in (".names", ".gone", ".json"):
                path.with_suffix(suffix).unlink(missing_ok=True)
