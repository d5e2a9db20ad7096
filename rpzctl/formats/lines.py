"""Formats in which each line stands for itself: what they share, and how they are read.

A reader of a line format says three things. What stands before the name on most lines: they are
taken by whole columns, with a test of the name that costs a tenth of cutting it out by pattern. A
pattern for other well-formed lines. And what to do with one odd line, in plain Python, slow and
exact. A line that none of them takes is a reject with its number, its text and the reason; nothing
is guessed.
"""

import io
from collections.abc import Callable
from typing import NamedTuple

import polars as pl

from rpzctl.names import LABEL, LAST_LABEL, MAX_LENGTH, printable

_SEPARATOR = "\x01"
"""of columns, of which there is one: a character that no line holds"""
KEPT_REJECTS = 1000
"""so many rejects of a feed are kept; all are counted"""

_LOWER_NAME = rf"(?:(?:{LABEL}\.)+{LAST_LABEL})"
NAME = _LOWER_NAME.replace("a-z", "A-Za-z")
"""A name of two labels or more, in any case: what `rpzctl.names` accepts of ASCII."""


class Reject(NamedTuple):
    """A line that gives no name: its number from 1, its text (safe to print), and why."""

    line: int
    text: str
    reason: str


class Parsed(NamedTuple):
    """What a reader made of a feed."""

    names: pl.Series
    """lower-case A-labels in the feed's order, perhaps more than once"""
    rejects: tuple[Reject, ...]
    rejected: int
    """how many lines gave no name though they should"""
    lines: int
    """how many lines are neither blank nor comments"""


class Odd(NamedTuple):
    """What one odd line comes to: names, or the reason why it has none; both empty: a comment."""

    names: tuple[str, ...] = ()
    reason: str | None = None


COMMENT = Odd()


class LineFormat(NamedTuple):
    """A format in which each line stands for itself."""

    name: str
    prefixes: tuple[str, ...]
    """what stands before the name on lines of nothing else; lower case, the longest first"""
    pattern: str
    """matches any whole well-formed line; its one group is the name"""
    odd: Callable[[str], Odd]
    """given any other line, stripped"""
    passed_over: tuple[str, ...] = ()
    """names that stand in such files without being entries"""


def read_lines(data: bytes, form: LineFormat) -> Parsed:
    """Read a feed of the line format `form`. Text that is not UTF-8 is read as far as it goes."""
    if not data:
        return Parsed(pl.Series("name", [], pl.String), (), 0, 0)
    frame = _taken(_column(data), form)
    odd = frame.filter(pl.col("name").is_null() & pl.col("line").is_not_null())
    if odd.height == 0:
        return Parsed(frame["name"].drop_nulls(), (), 0, frame.height)
    found: list[str] = []
    rejects: list[Reject] = []
    rejected = comments = 0
    for at, text in odd.select("at", "line").iter_rows():
        line = text.strip().removeprefix("\ufeff").strip()
        made = form.odd(line) if line else COMMENT
        found += made.names
        if made.reason:
            rejected += 1
            if len(rejects) < KEPT_REJECTS:
                rejects.append(Reject(at + 1, printable(line), made.reason))
        elif not made.names:
            comments += 1
    blank = frame["line"].null_count()
    names = frame["name"].drop_nulls()
    if found:
        names = names.append(pl.Series("name", found, pl.String))
    return Parsed(names, tuple(rejects), rejected, frame.height - comments - blank)


def _taken(lines: pl.DataFrame, form: LineFormat) -> pl.DataFrame:
    """Return the columns at, line and name: null where the line is not well-formed."""
    line, name = pl.col("line"), pl.col("name")
    bare = pl.coalesce(
        pl.when(line.str.starts_with(prefix)).then(line.str.strip_prefix(prefix))
        for prefix in form.prefixes
    )
    frame = (
        lines.lazy()
        .with_row_index("at")
        .with_columns(name=bare)
        .with_columns(name=pl.when(name.str.contains(f"^{_LOWER_NAME}$")).then(name))
        .collect(engine="streaming")
    )
    if frame["name"].null_count() > frame["line"].null_count():
        cut = pl.when(name.is_null()).then(line).str.extract(form.pattern, 1)
        frame = frame.with_columns(name=pl.coalesce(name, cut.str.to_lowercase()))
    keep = name.str.len_bytes() <= MAX_LENGTH
    if form.passed_over:  # the slow way knows them, too, and takes the line for a comment
        keep &= ~name.is_in(form.passed_over)
    return frame.with_columns(name=pl.when(keep).then(name))


def _column(data: bytes) -> pl.DataFrame:
    """Return the lines as one column; a blank one is null."""
    return pl.read_csv(
        io.BytesIO(data.replace(_SEPARATOR.encode(), b"\x02")),
        has_header=False,
        schema={"line": pl.String},
        separator=_SEPARATOR,
        quote_char=None,
        encoding="utf8-lossy",
        truncate_ragged_lines=True,
    )
