"""Ledgers written: drawn from tables, and put in place when what they tell of is published."""

import json
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from rpzctl.files import put, write_aside, write_beside
from rpzctl.ledger import COLUMNS, FRESH, GONE, Head, Line, Page, by_name, search
from rpzctl.names import sort_key

if TYPE_CHECKING:
    import polars as pl

GONE_DAYS = 90
"""so long a name is remembered that no feed lists any more"""


class Drawn(NamedTuple):
    """The files of a ledger, written beside those that they are to be."""

    names: Path
    octets: int
    """of `names`"""
    gone: Path

    def forget(self) -> None:
        """Remove what was not put in its place."""
        for each in (self.names, self.gone):
            with suppress(OSError):
                each.unlink(missing_ok=True)


def draw(folder: Path, page: Page, now: datetime) -> Drawn:
    """Write the ledger of a zone as of `now` beside the one there is, for `write`.

    What was seen before keeps its first moment. Raises `RpzctlError`.
    """
    import polars as pl

    from rpzctl.table import membership

    moment = int(now.timestamp())
    names, kept = folder / f"{page.origin}.names", folder / f"{page.origin}.gone"
    fresh = _read(folder / f"{page.origin}.fresh", FRESH)
    before = _read(names, COLUMNS).select("name", "since")
    listed = page.made.merged
    fate = pl.repeat("", listed.height, dtype=pl.String, eager=True)
    for word, rows in page.made.fates:
        fate = fate.scatter(rows, word)
    again, stayed = membership(listed, before, ["name"])
    since = pl.repeat(moment, listed.height, dtype=pl.Int64, eager=True)
    since = since.scatter(again.arg_true(), before.filter(stayed)["since"])
    ledger = listed.select(
        "name", "scope", "exact", "below", since.alias("since"), fate.alias("fate")
    )
    left = before.filter(~stayed).with_columns(until=pl.lit(moment, dtype=pl.Int64))
    if fresh.height:
        ledger, left = _with_fresh(ledger, left, fresh, moment)
    lost = _still_gone(_read(kept, GONE), left, ledger, moment)
    text = _text(ledger)
    return Drawn(
        names=write_beside(names, text, mode=0o600),
        octets=len(text),
        gone=write_beside(kept, _text(lost), mode=0o600),
    )


def write(folder: Path, page: Page, drawn: Drawn) -> None:
    """Put the ledger of a zone in its place, as it was drawn. Raises `RpzctlError`."""
    put(drawn.names, folder / f"{page.origin}.names")
    put(drawn.gone, folder / f"{page.origin}.gone")
    (folder / f"{page.origin}.fresh").unlink(missing_ok=True)
    _write_head(folder, page.origin, page.head._replace(octets=drawn.octets))


def _with_fresh(
    ledger: "pl.DataFrame", left: "pl.DataFrame", fresh: "pl.DataFrame", moment: int
) -> "tuple[pl.DataFrame, pl.DataFrame]":
    """Return what is listed and what has left, with what is known of names that changed before."""
    import polars as pl

    there = pl.col("exact") | pl.col("below") > 0
    seen = fresh.filter(there).select("name", first="since")
    ledger = (
        ledger.join(seen, on="name", how="left", maintain_order="left")
        .with_columns(since=pl.coalesce("first", "since"))
        .drop("first")
    )
    was = pl.when(there).then(pl.lit(moment, dtype=pl.Int64)).otherwise("until")
    lost = fresh.select("name", "since", until=was).join(ledger, on="name", how="anti")
    return ledger, pl.concat([left.join(lost, on="name", how="anti"), lost])


def write_fresh(
    folder: Path, origin: str, written: Head, lines: Iterable[Line], now: datetime
) -> None:
    """Write what is listed now of names of which something changed; each line's name once."""
    moment = int(now.timestamp())
    path = folder / f"{origin}.fresh"
    made = sorted(lines, key=lambda line: sort_key(line.name))
    names = [line.name for line in made]
    before = by_name(search(path, names, len(FRESH)))
    first = by_name(search(folder / f"{origin}.names", names, len(COLUMNS)))
    text = []
    for line in made:
        was = before.get(line.name)
        since = (was or first.get(line.name) or [""] * 5)[4] or str(moment)
        there = line.exact or line.below
        gone_before = was is not None and not there and was[6] != "0"
        until = 0 if there else was[6] if was and gone_before else moment
        text.append(
            f"{line.name},{line.scope},{line.exact},{line.below},{since},{line.fate},{until}\n"
        )
    write_aside(path, "".join(text).encode("ascii"), mode=0o600)
    _write_head(folder, origin, written)


def _write_head(folder: Path, origin: str, written: Head) -> None:
    value = {**written._asdict(), "zones": dict(written.zones), "copies": dict(written.copies)}
    write_aside(folder / f"{origin}.json", json.dumps(value).encode(), mode=0o600)


def _still_gone(
    before: "pl.DataFrame", left: "pl.DataFrame", listed: "pl.DataFrame", moment: int
) -> "pl.DataFrame":
    """Return the names that were gone `before` or have `left` now, without old and listed ones."""
    import polars as pl

    from rpzctl.ranges import key_of

    if not before.height and not left.height:
        return left
    known = before.filter(pl.col("until") > moment - GONE_DAYS * 86_400)
    known = known.join(listed, on="name", how="anti").join(left, on="name", how="anti")
    union = pl.concat([known, left.select(GONE)])
    return union.sort(key_of(pl.col("name")))


def _text(frame: "pl.DataFrame") -> memoryview:
    import io

    out = io.BytesIO()
    frame.write_csv(out, include_header=False, quote_style="never")
    return out.getbuffer()


def _read(path: Path, columns: tuple[str, ...]) -> "pl.DataFrame":
    """Return a file of this module as columns; one that is damaged or not there is empty."""
    import polars as pl

    texts, masks = {"name", "fate"}, {"exact", "below"}
    schema: dict[str, type[pl.DataType]] = {
        column: pl.String if column in texts else pl.UInt64 if column in masks else pl.Int64
        for column in columns
    }
    try:
        kept = pl.read_csv(path, has_header=False, schema=schema, quote_char=None)
        return kept.drop_nulls("since")  # a line of another version has none
    except (OSError, pl.exceptions.PolarsError):
        return pl.DataFrame(schema=schema)
