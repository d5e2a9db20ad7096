"""Tables of comma-separated values (RFC 4180): names in one column, perhaps types in another.

The header may be a comment (abuse.ch), cells may have blanks behind the comma, defanged names and a
byte order mark inside. Columns are found by their header's name, or by number from 1.
"""

import csv
import io
from collections.abc import Iterator

from rpzctl.formats.indicators import indicator
from rpzctl.formats.lines import announcement
from rpzctl.formats.parsed import Gathered, Options, Parsed

name = "csv"
summary = "comma-separated values; column says which one has the names"
USUAL = ("domain", "hostname", "host", "indicator", "ioc_value", "ioc", "url", "name", "value")
"""headers of the column with the names, where the definition does not say"""
_MOJIBAKE = "\u00f4\u00aa\u00f8"
"""a byte order mark that went through another character set"""


def read(data: bytes, options: Options) -> Parsed:
    """Read a feed of comma-separated values."""
    found = Gathered()
    text = data.decode("utf-8", errors="replace").removeprefix("\ufeff").replace("\0", "\ufffd")
    head: list[str] | None = None
    at = kind = None
    for number, cells, comment in _rows(found, text, options.delimiter):
        if head is None and (_is_head(cells, options) or not comment):
            head = cells
            at, kind = _columns(cells, options)
            if at is None:
                found.reject(number, options.delimiter.join(cells), "has no column of that name")
                return found.parsed()
            if _is_head(cells, options):
                continue
        if comment:
            found.announced = found.announced or announcement(options.delimiter.join(cells))
            continue
        assert at is not None, "the first row that is no comment set it"  # noqa: S101 - as said
        _take(found, number, cells, at, kind, options)
    return found.parsed()


def _rows(found: Gathered, text: str, delimiter: str) -> Iterator[tuple[int, list[str], bool]]:
    """Give each row: the line it ends on, its cells, and whether it is a comment."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=True)
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as fault:
            found.reject(reader.line_num, "", str(fault))
            continue
        if not any(cell.strip() for cell in cells):
            continue
        first = cells[0].lstrip()
        comment = first.startswith("#")
        if comment:
            inner = delimiter.join(cells).lstrip().lstrip("#").strip()
            cells = next(csv.reader([inner], delimiter=delimiter, skipinitialspace=True), [])
        yield reader.line_num, [cell.strip() for cell in cells], comment


def _is_head(cells: list[str], options: Options) -> bool:
    lower = [cell.lower() for cell in cells]
    if isinstance(options.column, str):
        return options.column.lower() in lower
    return any(usual in lower for usual in USUAL)


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
        if said not in options.types:
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
