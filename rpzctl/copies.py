"""The names of the feeds' last good copies, as columns: read anew where the reader has changed."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl import exceptions, feed_groups, times
from rpzctl.catalogue import Feed
from rpzctl.config import Config
from rpzctl.errors import RpzctlError
from rpzctl.snapshots import Record, is_copy, read_as

if TYPE_CHECKING:
    import polars as pl


class ReadAgain(NamedTuple):
    """What a last good copy comes to when its reader or definition has changed since."""

    names: "pl.DataFrame | None"
    """None: what was read before stays"""
    exceptions: bytes
    fault: str | None = None


def names_of(config: Config, feed: Feed, record: Record) -> "tuple[pl.DataFrame, str | None]":
    """Return the names of a feed's last good copy; read anew when the reader has changed.

    If that would not be believed of a new copy (the definition names a format that it is not in),
    what was read before stays; the second value says why.
    """
    path = feed_groups.snapshots(config).names_file(feed.name)
    kept = _kept_names(path) if record.read_as == read_as(feed) else None
    if kept is not None:
        return kept, None
    again = read_again(config, feed, record)
    if again.names is not None:
        return again.names, None
    kept = _kept_names(path)
    if kept is None:
        raise RpzctlError(
            f"the last good copy of {feed.name} is damaged: {path}",
            details=[again.fault] if again.fault else (),
            fix=f"nothing was changed; 'rpzctl sync --accept {feed.name}' fetches it anew",
        )
    return kept, again.fault


def _kept_names(path: Path) -> "pl.DataFrame | None":
    from rpzctl.formats.parsed import SCHEMA
    from rpzctl.table import stored

    kept = stored(path)
    sound = kept is not None and all(kept.schema.get(c) == SCHEMA[c] for c in ("name", "scope"))
    return kept if sound else None


def read_again(config: Config, feed: Feed, record: Record) -> ReadAgain:
    """Read a feed's last good copy as its definition says now. Raises `RpzctlError`."""
    from rpzctl import formats, shape

    store = feed_groups.snapshots(config)
    checked = times.parse(record.last_checked).timestamp() if record.last_checked else 0
    options = formats.Options(**feed.reading, now=int(checked))  # later expiries are for sync
    data = store.data(feed.name)
    parsed = formats.read(data, feed.format, options)
    found = shape.size(parsed)
    fault = shape.fault_of_names(feed, parsed, found)
    fault = fault or shape.fault_of_swing(feed, record.size, found)
    if fault is not None and is_copy(feed, record, data):
        fault = None  # it was accepted as it is: what is missing has expired
    if fault is not None:
        fault = f"{fault}; keeps the names that were read before"
        return ReadAgain(None, store.exceptions(feed.name) or b"", fault)
    listed = parsed.allow.select("name", "scope").iter_rows()
    return ReadAgain(parsed.names, exceptions.text(listed))


def networks_of(config: Config, feed: Feed, record: Record) -> tuple[str, ...]:
    """Return the networks of a feed's last good copy, read anew. Raises `RpzctlError`."""
    from rpzctl import formats

    checked = times.parse(record.last_checked).timestamp() if record.last_checked else 0
    options = formats.Options(**feed.reading, now=int(checked))
    data = feed_groups.snapshots(config).data(feed.name)
    return formats.read(data, feed.format, options).networks


def packed(entries: "pl.DataFrame") -> bytes:
    """Return entries as Parquet, to be kept beside the copy they were read from."""
    out = io.BytesIO()
    entries.write_parquet(out, compression="lz4", statistics=False)
    return out.getvalue()
