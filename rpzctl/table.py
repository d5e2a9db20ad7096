"""The rows of a large policy zone as columns: the bulk lane's side of `rpzctl.rows`.

Same meaning as the quick lane, another machine: millions of rows are compared, written and read
back without one Python object each.
"""

import hashlib
import io
from collections import deque
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO

import polars as pl

from rpzctl.files import Out, file_digest
from rpzctl.names import Domain, printable
from rpzctl.rows import Diff, RowSet, Shape, damaged, record_faults, spread
from rpzctl.rpz import (
    BITS,
    PASSTHRU,
    RECORD_PATTERN,
    SCOPES,
    Action,
    Row,
    Scope,
    parse_action,
)

SLICE = 1 << 17
"""rows that are turned into text at a time: few enough to stay in the processor's cache"""
_BLOCK = 1 << 23
"""octets of a zone file that are read back at a time"""
_BELOW, _SUBTREE = BITS[Scope.BELOW], BITS[Scope.SUBTREE]
_ACTION = "action"


@dataclass(frozen=True, eq=False)
class Many:
    """A row set in columns: name, scope, and whether a row passes or has the zone's `action`."""

    frame: pl.DataFrame
    action: Action

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[Row]:
        for name, scope, passes in self.frame.select("name", "scope", "passes").iter_rows():
            yield Row(Domain(name), SCOPES[scope], PASSTHRU if passes else self.action)

    def sample(self, size: int) -> list[Row]:
        """Return a stratified sample: the ends, the longest, the deepest, and a spread."""
        if self.frame.height <= size:
            return list(self)
        quarter = max(1, size // 4)
        every = self.frame.height // size
        names = self.frame["name"]
        picked = pl.concat(
            [
                self.frame.head(1),
                self.frame.tail(1),
                self.frame.gather_every(every).head(size),
                _largest(self.frame, names.str.len_bytes(), quarter),
                _largest(self.frame, names.str.count_matches(".", literal=True), quarter),
            ]
        ).unique(["name", "scope"], maintain_order=True)
        return spread(list(Many(picked, self.action)), size)


def _largest(frame: pl.DataFrame, measure: pl.Series, count: int) -> pl.DataFrame:
    """Return the first `count` rows of those with the largest `measure`."""
    large = measure >= measure.top_k(count).min()
    order = measure.filter(large).arg_sort(descending=True)
    return frame.filter(large)[order.head(count)]


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of a large zone: name, scope, feeds, passes, as in `rpzctl.merge.Made`."""

    frame: pl.DataFrame
    action: Action
    """of the rows that do not pass"""
    suffix: str = ".parquet"

    def __len__(self) -> int:
        return self.frame.height

    def all(self) -> RowSet:
        """Return the rows themselves."""
        return Many(self.frame, self.action)

    @cached_property
    def passes(self) -> bool:
        """Whether any row lets pass what a wider one would block."""
        return bool(self.frame["passes"].any())

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256(str(self.action).encode())
        for part in self.frame.iter_slices(SLICE):
            total.update(b"\n" + part["name"].str.join("\n").item().encode("ascii") + b"\n")
            total.update(bytes(part["scope"].to_list()))
            if self.passes:
                total.update(bytes(part["passes"].cast(pl.UInt8).to_list()))
        return total.hexdigest()

    def digest(self) -> str:
        """Return a digest of the rows; which feeds list them is no part of it."""
        return self._digest

    def diff(self, saved: Path | None) -> Diff:
        """Return the difference from the rows saved at `saved`."""
        none = self.frame.clear()
        if saved is None:
            return self._diff(self.frame, none, none)
        old, was = _saved(saved, self.action)
        in_old, in_new = membership(self.frame, old, ["name", "scope", "passes"])
        added, removed = self.frame.filter(~in_old), old.filter(~in_new)
        both = self.frame.filter(in_old & ~self.frame["passes"])
        changed = both if was != self.action else none
        # A row that passes now and blocked before, or the reverse, has changed.
        turned = added.join(removed, on=["name", "scope"], how="semi", maintain_order="left")
        if turned.height:
            on = ["name", "scope"]
            added = added.join(turned, on=on, how="anti", maintain_order="left")
            removed = removed.join(turned, on=on, how="anti", maintain_order="left")
            changed = pl.concat([changed.select(turned.columns), turned])
        return self._diff(added, removed, changed)

    def _diff(self, added: pl.DataFrame, removed: pl.DataFrame, changed: pl.DataFrame) -> Diff:
        return Diff(*(Many(part, self.action) for part in (added, removed, changed)))

    def save(self, path: Path) -> None:
        """Write the rows to `path` as Parquet, with the action and which feeds list them."""
        kind = pl.Enum([str(self.action)])
        self.frame.with_columns(pl.lit(str(self.action), dtype=kind).alias(_ACTION)).write_parquet(
            path, compression="lz4", statistics=False
        )

    def write(self, out: Out, shapes: Mapping[Action, Shape]) -> None:
        """Write the records."""
        with ThreadPoolExecutor(1) as ahead:  # one slice is made while that before it is written
            coming: deque[Future[io.BytesIO]] = deque()
            for part in self.frame.iter_slices(SLICE):
                coming.append(ahead.submit(self._text, part, shapes))
                if len(coming) > 1:
                    out.write(coming.popleft().result().getbuffer())
            for text in coming:
                out.write(text.result().getbuffer())

    def _text(self, part: pl.DataFrame, shapes: Mapping[Action, Shape]) -> io.BytesIO:
        text = io.BytesIO()
        self._write(part, text, shapes)
        return text

    def _write(self, part: pl.DataFrame, out: BinaryIO, shapes: Mapping[Action, Shape]) -> None:
        text = _records(shapes[self.action])
        if self.passes and part["passes"].any():
            text = pl.when("passes").then(_records(shapes[PASSTHRU])).otherwise(text)
        part.select(text).write_csv(
            out, include_header=False, quote_style="never", line_terminator=""
        )

    def recheck(
        self,
        path: Path,
        span: tuple[int, int],
        shapes: Mapping[Action, Shape],
        sha256: str | None = None,
    ) -> list[str]:
        """Read the written records back; return what is wrong.

        With `sha256`, the digest of the file's text as it was handed over to be written, the file
        is held against that: it takes the same text that `write` made of the rows a second time to
        find out where they differ, but not that they do not.
        """
        faults: list[str] = []
        same = sha256 is not None and file_digest(path) == sha256
        with path.open("rb") as file:
            file.seek(span[0])
            if same:
                faults = _odd_records(file, span[1])
            else:
                faults = self._differences(file.read(span[1]), shapes)
        return [printable(fault, 300) for fault in faults]

    def _differences(self, data: bytes, shapes: Mapping[Action, Shape]) -> list[str]:
        """Return in what `data` is not the records of the rows."""
        faults: list[str] = []
        at = 0
        for part in self.frame.iter_slices(SLICE):
            expected = self._text(part, shapes)
            written = data[at : at + expected.tell()]
            # Each line is one record, and the file is the rows' own text: names in are names out.
            if expected.getbuffer() != written:
                faults.append("the owners in the file are not those of the policy")
            faults += record_faults(_odd_lines(written))
            if faults:
                break
            at += len(written)
        if not faults and at != len(data):
            faults.append("there is more in the file than the policy makes")
        return faults


def saved_rows(path: Path) -> TableRows:
    """Return the rows that `TableRows.save` wrote. Raises `RpzctlError` when they are damaged."""
    frame, action = _saved(path, PASSTHRU)
    return TableRows(frame, action)


def _saved(path: Path, action: Action) -> tuple[pl.DataFrame, Action]:
    """Return the rows that `TableRows.save` wrote, and the action of those that do not pass."""
    old = stored(path)
    if old is None or not {"name", "scope", "feeds", _ACTION} <= set(old.columns):
        raise damaged(str(path))
    was = parse_action(str(old[_ACTION][0])) if old.height else action
    if "passes" not in old.columns:  # by a version that let nothing pass
        old = old.with_columns(passes=pl.lit(value=False))
    return old.select("name", "scope", "feeds", "passes"), was


def stored(path: Path, columns: list[str] | None = None) -> pl.DataFrame | None:
    """Return the Parquet file at `path`, all of it or those `columns`; None if it cannot be read.

    A file that is cut short or overwritten in parts makes the library fail in many ways.
    """
    try:
        return pl.read_parquet(path, columns=columns)
    except (OSError, pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def membership(new: pl.DataFrame, old: pl.DataFrame, on: list[str]) -> tuple[pl.Series, pl.Series]:
    """Return which rows of `new` are in `old`, and which of `old` in `new`, by the columns `on`.

    By hash, then proved: both frames are in the same order, so what they share must be the same
    column; if it is not, two names collided, and the names themselves are compared.
    """
    if not new.height or not old.height:
        none = (pl.repeat(False, each.height, eager=True) for each in (new, old))
        return next(none), next(none)
    left, right = new.select(on).hash_rows(), old.select(on).hash_rows()
    # Most rows are in both as a rule: those that are not stand alone among the sorted hashes.
    each = pl.concat([left, right]).sort()
    lone = each.filter(each.ne_missing(each.shift(1)) & each.ne_missing(each.shift(-1))).implode()
    in_old, in_new = ~left.is_in(lone), ~right.is_in(lone)
    if new.filter(in_old)["name"].equals(old.filter(in_new)["name"]):
        return in_old, in_new
    mark = pl.lit(value=True).alias("mark")

    def member(these: pl.DataFrame, those: pl.DataFrame) -> pl.Series:
        other = those.select(*on, mark)
        joined = these.select(on).join(other, on=on, how="left", maintain_order="left")
        return joined["mark"].fill_null(value=False)

    return member(new, old), member(old, new)


def _odd_records(file: BinaryIO, octets: int) -> list[str]:
    """Read so many octets of `file`; return what is wrong with up to five lines of them."""
    while octets:
        block = file.read(min(octets, _BLOCK))
        block += file.readline(octets - len(block)) if len(block) < octets else b""
        if not block:
            return ["the file is shorter than what the policy makes"]
        octets -= len(block)
        faults = record_faults(_odd_lines(block))
        if faults:
            return faults
    return []


def _odd_lines(text: bytes) -> list[str]:
    """Return up to five lines of `text` that have not the form of one record."""
    if not text:
        return []
    lines = pl.read_csv(
        text,
        has_header=False,
        schema={"line": pl.String},
        separator="\1",
        quote_char=None,
        encoding="utf8-lossy",
    )
    good = pl.col("line").str.contains(f"^{RECORD_PATTERN}$").fill_null(value=False)
    odd = lines.lazy().filter(~good).collect(engine="streaming")["line"]
    return [line or "" for line in odd.head(5)]


def _records(shape: Shape) -> pl.Expr:
    """Return the records of a column of names and scopes."""
    name, scope = pl.col("name"), pl.col("scope")
    exact = _expanded(shape, name)
    below = _expanded(shape, pl.concat_str(pl.lit("*."), name))
    return (
        pl.when(scope == _SUBTREE)
        .then(pl.concat_str(exact, below))
        .when(scope == _BELOW)
        .then(below)
        .otherwise(exact)
    )


def _expanded(shape: Shape, owner: pl.Expr) -> pl.Expr:
    """Return the records of `owner`, which is a column."""
    parts: list[pl.Expr] = [pl.lit(shape[0])] if shape[0] else []
    for segment in shape[1:]:
        parts += [owner, pl.lit(segment)]
    return pl.concat_str(parts)
