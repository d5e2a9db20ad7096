"""Tables of comma-separated values (RFC 4180): names in one column, perhaps types in another.

The header may be a comment (abuse.ch), cells may have blanks behind the comma, defanged names and a
byte order mark inside. Columns are found by their header's name, or by number from 1.
"""

import csv
import re
from collections.abc import Iterator

import polars as pl

from rpzctl.formats.indicators import indicator
from rpzctl.formats.lines import LOWER_NAME, NAME, announcement
from rpzctl.formats.parsed import SILENT, Gathered, Options, Parsed
from rpzctl.names import MAX_LENGTH

name = "csv"
summary = "comma-separated values; column says which one has the names"
USUAL = ("domain", "hostname", "host", "indicator", "ioc_value", "ioc", "url", "name", "value")
"""headers of the column with the names, where the definition does not say"""
_SPAN = 50
"""a row takes up no more lines than this"""
_MOJIBAKE = "\u00f4\u00aa\u00f8"
"""a byte order mark that went through another character set"""


def read(data: bytes, options: Options) -> Parsed:
    """Read a feed of comma-separated values."""
    found = Gathered()
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff").replace("\0", "\ufffd")
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    head: list[str] | None = None
    at = kind = None
    plain: pl.DataFrame | None = None
    for number, cells, comment in _rows(found, lines, options.delimiter):
        if head is None and (_is_head(cells, options) or not comment):
            head = cells
            at, kind = _columns(cells, options)
            if at is None or (kind is None and (options.types or options.type_column)):
                found.reject(number, options.delimiter.join(cells), "has no column of that name")
                return found.parsed()
            if not options.types:
                plain = _plain(lines, number, at, options.delimiter)
            if _is_head(cells, options):
                continue
        if comment:
            found.announced = found.announced or announcement(options.delimiter.join(cells))
            continue
        assert at is not None, "the first row that is no comment set it"  # noqa: S101 - as said
        _take(found, number, cells, at, kind, options)
    made = found.parsed()
    if plain is None:
        return made
    entries = pl.concat([made.entries, plain])
    return made._replace(entries=entries, lines=made.lines + plain.height)


def _plain(lines: list[str], start: int, at: int, delimiter: str) -> pl.DataFrame | None:
    """Take the rows behind the line `start` whose cell `at` is a plain name, by whole columns.

    Blanks those lines out, and returns their entries. Where any row spans lines nothing is done:
    each line must be a row of its own.
    """
    table = pl.DataFrame({"line": lines[start:]}, schema={"line": pl.String})
    line = pl.col("line")
    if re.match(r"[A-Za-z0-9._-]", delimiter):  # it would stand inside names
        return None
    if table.select((line.str.count_matches('"', literal=True) % 2 == 1).any()).item():
        return None
    names = _by_cells(table, at, delimiter)
    left = (line.str.len_bytes() > 0) & names.is_null()
    rest = table.with_row_index("place").filter(left)
    if rest.height:
        names = names.scatter(rest["place"], _by_pattern(rest, at, delimiter))
    for place in names.is_not_null().arg_true().to_list():
        lines[start + place] = ""
    return pl.DataFrame({"name": names.drop_nulls()}).with_columns(
        scope=pl.lit(SILENT, pl.UInt8), allow=pl.lit(value=False)
    )


def _by_cells(table: pl.DataFrame, at: int, delimiter: str) -> pl.Series:
    """Return the names of rows of which each cell up to `at` is quoted whole or not at all.

    A line of those is cut at its delimiters; that takes a fifth of matching it whole.
    """
    split = pl.col("line").str.split_exact(delimiter, at + 1).alias("cells")
    cell = pl.col(f"field_{at}")
    whole = cell.str.starts_with('"') & cell.str.ends_with('"')
    name = pl.when(whole).then(cell.str.strip_prefix('"').str.strip_suffix('"')).otherwise(cell)
    good = pl.col("name").str.contains(f"^{LOWER_NAME}$")
    good &= pl.col("name").str.len_bytes() <= MAX_LENGTH
    for place in range(at):
        before = pl.col(f"field_{place}")
        good &= before.str.contains(r'^(?:[^"]*|"[^"]*")$')
        if place == 0:
            good &= ~before.str.contains(r"^\s*#")
    return (
        table.lazy()
        .select(split)  # in a step of its own, or each cell costs another cut
        .unnest("cells")
        .with_columns(name=name)
        .select(name=pl.when(good).then("name"))
        .collect(engine="streaming")
        .to_series()
    )


def _by_pattern(table: pl.DataFrame, at: int, delimiter: str) -> pl.Series:
    """Return the names of rows that a pattern of the whole line matches."""
    line = pl.col("line")
    comma = re.escape(delimiter)
    cell = rf'(?:\s*"[^"]*"\s*|[^"{comma}]*)'
    row = rf'^(?:{cell}{comma}){{{at}}}\s*(?:"({NAME})"|({NAME}))\s*(?:{comma}.*)?$'
    cut = pl.coalesce(line.str.extract(row, 1), line.str.extract(row, 2)).str.to_lowercase()
    plain = ~line.str.contains(r"^\s*#") & (cut.str.len_bytes() <= MAX_LENGTH)
    return table.select(name=pl.when(plain).then(cut)).to_series()


def _rows(
    found: Gathered, lines: list[str], delimiter: str
) -> Iterator[tuple[int, list[str], bool]]:
    """Give each row: the line it begins on, its cells, and whether it is a comment.

    Comments are cut off first: a quote in one of them must not swallow the lines after it.
    """
    at = 0
    while at < len(lines):
        if not lines[at]:
            at += 1
            continue
        number, line = at + 1, lines[at].strip()
        comment = line.startswith("#")
        cells, used = _row(
            [line.lstrip("#").strip()] if comment else lines[at : at + _SPAN], delimiter
        )
        at += max(used, 1)
        if cells is None:
            if not comment:
                found.reject(
                    number, line, "is no row: a quote is not closed, or a cell is too long"
                )
        elif any(cell.strip() for cell in cells):
            yield number, [cell.strip() for cell in cells], comment


def _row(lines: list[str], delimiter: str) -> tuple[list[str] | None, int]:
    """Return the first row of `lines` and how many of them it takes; None: it is none.

    A quote left open would take in all that follows: a row of several lines must end.
    """
    rows = csv.reader(lines, delimiter=delimiter, skipinitialspace=True)
    try:
        cells = next(rows, [])
        if rows.line_num > 1:
            rows = csv.reader(
                [line + "\n" for line in lines],
                delimiter=delimiter,
                skipinitialspace=True,
                strict=True,
            )
            cells = next(rows, [])
    except csv.Error:
        return None, 1
    return cells, rows.line_num


def _is_head(cells: list[str], options: Options) -> bool:
    """Tell whether a row names columns; one that holds a name or an address is of data."""
    lower = [cell.lower() for cell in cells]
    if isinstance(options.column, str):
        return options.column.lower() in lower
    if isinstance(options.column, int):
        cell = lower[options.column - 1] if 1 <= options.column <= len(lower) else "."
        return not re.search(r"[.:]", cell)
    return any(usual in lower for usual in USUAL) and not any("." in cell for cell in lower)


def _columns(head: list[str], options: Options) -> tuple[int | None, int | None]:
    """Return the places of the column with the names and of that with the types."""
    return _place(head, options.column, USUAL), _place(head, options.type_column, ())


def _place(head: list[str], wanted: str | int | None, usual: tuple[str, ...]) -> int | None:
    if isinstance(wanted, int):
        return wanted - 1 if wanted >= 1 else None
    lower = [cell.lower() for cell in head]
    candidates = (wanted.lower(),) if wanted is not None else usual
    place = next((lower.index(each) for each in candidates if each in lower), None)
    return 0 if place is None and wanted is None and usual and len(head) == 1 else place


def _take(
    found: Gathered, number: int, cells: list[str], at: int, kind: int | None, options: Options
) -> None:
    found.lines += 1
    if options.types and kind is not None:
        said = cells[kind] if kind < len(cells) else ""
        if said.lower() not in {each.lower() for each in options.types}:
            found.skip("a row of another type")
            return
    if at >= len(cells):
        found.reject(number, options.delimiter.join(cells), "has too few columns")
        return
    take(found, number, cells[at].removeprefix(_MOJIBAKE), options)


def take(found: Gathered, number: int, text: str, options: Options) -> None:
    """Add what one cell or value comes to."""
    made = indicator(text, whole_hosts=options.whole_hosts)
    found.entries += made.entries
    found.networks.update(made.networks)
    if made.skipped:
        found.skip(made.skipped)
    if made.reason:
        found.reject(number, text, made.reason)
