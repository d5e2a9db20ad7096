"""Formats in which each line stands for itself: what they share, and how they are read.

A reader of a line format says three things. What stands around the name on most lines (`Shape`):
those lines are taken by whole columns, with a test of the name that costs a tenth of cutting it
out by pattern. A pattern for other well-formed lines. And what to do with one odd line, in plain
Python, slow and exact. A line that none of them takes is a reject with its number, its text and
the reason; nothing is guessed.
"""

import io
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from rpzctl.formats.networks import ordered
from rpzctl.formats.parsed import (
    KEPT_REJECTS,
    SCHEMA,
    SILENT,
    Entry,
    Options,
    Parsed,
    Reject,
    frame,
)
from rpzctl.names import LABEL, LAST_LABEL, MAX_LENGTH, printable

_SEPARATOR = "\x01"
"""of columns, of which there is one: a character that no line holds"""
_UNPACKED = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"\x78")
"""Polars unpacks what begins so (gzip, zstd, zlib), without a bound; with a blank before it, not"""
LOWER_NAME = rf"(?:(?:{LABEL}\.)+{LAST_LABEL})"
NAME = LOWER_NAME.replace("a-z", "A-Za-z")
"""A name of two labels or more, in any case: what `rpzctl.names` accepts of ASCII."""


class Shape(NamedTuple):
    """What stands before and after the name on a line of nothing else, and what that means."""

    prefix: str
    suffix: str = ""
    scope: int = SILENT
    allow: bool = False


class Line(NamedTuple):
    """What one line comes to. Nothing of all: it is a comment."""

    entries: tuple[Entry, ...] = ()
    networks: tuple[str, ...] = ()
    skipped: str | None = None
    """it was understood and blocks nothing; why"""
    reason: str | None = None
    """it gives no name though it should; why"""


COMMENT = Line()


class LineFormat(NamedTuple):
    """A format in which each line stands for itself."""

    name: str
    summary: str
    """what its lines look like, for people"""
    shapes: tuple[Shape, ...]
    """lower case; a longer prefix before one that it begins with"""
    odd: Callable[[str, Options], Line]
    """given any other line, stripped"""
    pattern: str | None = None
    """matches any whole well-formed line; its one group is the name"""
    scope: int = SILENT
    """of what `pattern` matches"""
    passed_over: tuple[str, ...] = ()
    """names that stand in such files without being entries"""
    special: str | None = None
    """what looks like a name and is none, as a pattern: left to `odd`"""

    def read(self, data: bytes, options: Options) -> Parsed:
        """Read a feed. Text that is not UTF-8 is read as far as it goes."""
        return _read(data, self, options)


def _read(data: bytes, form: LineFormat, options: Options) -> Parsed:
    if not data:
        return Parsed(frame(()))
    table = _taken(_column(data), form)
    taken = table.filter(pl.col("name").is_not_null()).select(*SCHEMA)
    odd = table.filter(pl.col("name").is_null() & pl.col("line").is_not_null())
    if odd.height == 0:
        return Parsed(taken, lines=table.height)
    found: list[Entry] = []
    networks: set[str] = set()
    skipped: Counter[str] = Counter()
    rejects: list[Reject] = []
    announced: int | None = None
    rejected = comments = 0
    for at, text in odd.select("at", "line").iter_rows():
        line = text.strip().removeprefix("\ufeff").strip()
        made = form.odd(line, options) if line else COMMENT
        found += made.entries
        networks.update(made.networks)
        if made.skipped:
            skipped[made.skipped] += 1
        if made.reason:
            rejected += 1
            if len(rejects) < KEPT_REJECTS:
                rejects.append(Reject(at + 1, printable(line), made.reason))
        elif made == COMMENT:
            comments += 1
            if announced is None and line:
                announced = announcement(line)
    return Parsed(
        entries=pl.concat([taken, frame(found)]) if found else taken,
        networks=ordered(networks),
        rejects=tuple(rejects),
        rejected=rejected,
        skipped=dict(skipped),
        lines=table.height - comments - table["line"].null_count(),
        announced=announced,
    )


_COUNTED = r"(?:unique )?(?:entries|domains|names|hosts|records|subnets)"
_ANNOUNCED = re.compile(
    rf"(?:\bnumber of {_COUNTED}|\b(?:entries|domains|blocked|total))\s*:\s*"
    rf"([0-9](?:[0-9.,' ]*[0-9])?)(?:[\s,;.]*\Z|\s+{_COUNTED}\b)",
    re.IGNORECASE,
)


def announcement(comment: str) -> int | None:
    """Return how many entries the comment of a feed says that it has, if it says so.

    ``# Number of entries: 12351``, ``# Domains: 43,726``, ``# Blocked: 18.298 domains``.
    """
    found = _ANNOUNCED.search(comment)
    digits = re.sub(r"[^0-9]", "", found[1]) if found else ""
    return int(digits) if digits and len(digits) < 10 else None  # noqa: PLR2004 - no feed has more


def _taken(lines: pl.DataFrame, form: LineFormat) -> pl.DataFrame:
    """Return the columns at, line, name, scope and allow; no name: the line is an odd one."""
    line, name = pl.col("line"), pl.col("name")
    around = [
        (line.str.starts_with(s.prefix) & line.str.ends_with(s.suffix), s) for s in form.shapes
    ]
    bare = pl.coalesce(
        pl.when(fits).then(line.str.strip_prefix(s.prefix).str.strip_suffix(s.suffix))
        for fits, s in around
    )
    table = (
        lines.lazy()
        .with_row_index("at")
        .with_columns(name=bare)
        .with_columns(name=pl.when(name.str.contains(f"^{LOWER_NAME}$")).then(name))
        .with_columns(
            scope=_by_shape(around, [s.scope for s in form.shapes], pl.UInt8),
            allow=_by_shape(around, [s.allow for s in form.shapes], pl.Boolean),
        )
        .collect(engine="streaming")
    )
    if form.pattern and table["name"].null_count() > table["line"].null_count():
        cut = pl.when(name.is_null()).then(line).str.extract(form.pattern, 1).str.to_lowercase()
        table = table.with_columns(cut=cut).with_columns(
            scope=pl.when(pl.col("cut").is_null())
            .then("scope")
            .otherwise(pl.lit(form.scope, pl.UInt8)),
            allow=pl.col("allow") & pl.col("cut").is_null(),
            name=pl.coalesce("name", "cut"),
        )
    keep = name.str.len_bytes() <= MAX_LENGTH
    if form.passed_over:  # the slow way knows them, too, and takes the line for a comment
        keep &= ~name.is_in(form.passed_over)
    if form.special:
        keep &= ~name.str.contains(form.special)
    return table.with_columns(name=pl.when(keep).then(name))


def _by_shape(
    around: list[tuple[pl.Expr, Shape]], values: list[int] | list[bool], dtype: type[pl.DataType]
) -> pl.Expr:
    """Return the value of the first shape that fits the line; one for all costs no test."""
    if len(set(values)) <= 1:
        return pl.lit(values[0] if values else 0, dtype=dtype)
    chosen = pl.lit(values[-1], dtype=dtype)
    for (fits, _), value in reversed(list(zip(around, values, strict=True))):
        chosen = pl.when(fits).then(pl.lit(value, dtype=dtype)).otherwise(chosen)
    return chosen


def _column(data: bytes) -> pl.DataFrame:
    """Return the lines as one column; a blank one is null."""
    if data.startswith(_UNPACKED):
        data = b" " + data
    return pl.read_csv(
        io.BytesIO(data.replace(_SEPARATOR.encode(), b"\x02")),
        has_header=False,
        schema={"line": pl.String},
        separator=_SEPARATOR,
        quote_char=None,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
