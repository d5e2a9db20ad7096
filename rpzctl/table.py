"""The bulk lane: millions of names as columns. Same meaning as the quick lane, another engine.

Everything follows one order, that of reversed labels (RFC 4034, section 6.1): a subtree is a range
of it, so that guards and collapse are ranges, and BIND loads a file in it fastest.
"""

import hashlib
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl

from rpzctl.formats.parsed import BITS, SILENT
from rpzctl.guards import Protected, Stop
from rpzctl.names import Domain, ancestors, printable, sort_key
from rpzctl.rows import Diff, RowSet, Shape, record_faults, spread
from rpzctl.rpz import RECORD_PATTERN, Action, Row, Scope, longest_name, parse_action
from rpzctl.suffixes import Suffixes

SLICE = 1 << 17
"""rows that are turned into text at a time: few enough to stay in the processor's cache"""
KEPT_STOPS = 1000
"""so many names that a guard took out are kept by name; all are counted"""
_JOINT, _AFTER = "\0", "\1"
_EXACT, _BELOW, _SUBTREE = BITS[Scope.EXACT], BITS[Scope.BELOW], BITS[Scope.SUBTREE]
_SCOPES = {bits: scope for scope, bits in BITS.items()}


class Source(NamedTuple):
    """One feed's part of a policy zone."""

    feed: str
    names: pl.DataFrame
    """name and scope, as a reader gives them"""
    subdomains: bool | None = None
    """whether what is below each name is meant; None: as the format says, or else not"""


class Made(NamedTuple):
    """A zone's table, and what was left out of it."""

    frame: pl.DataFrame
    """name, scope (see `rpzctl.formats.parsed.BITS`), feeds (bit n: the n-th source); sorted
    canonically"""
    stops: tuple[Stop, ...]
    stopped: int
    too_long: int
    covered: int
    """names left out because a listed parent covers them"""


def combine(
    sources: Sequence[Source], origin: str, suffixes: Suffixes, protected: Protected
) -> Made:
    """Return the table of a policy zone: validated names in, then guarded, then collapsed.

    In that order: collapsed first, one stray ``com`` would swallow every name below it before a
    guard throws it out.
    """
    merged = _merge(sources)
    guarded, stops, stopped = _guard(merged, suffixes, protected)
    below = pl.col("scope") >= _BELOW
    longest = (
        pl.when(below)
        .then(longest_name(origin, Scope.SUBTREE))
        .otherwise(longest_name(origin, Scope.EXACT))
    )
    fitting = guarded.filter(pl.col("name").str.len_bytes() <= longest)
    collapsed = collapse(fitting)
    return Made(
        frame=collapsed.select("name", "scope", "feeds"),
        stops=tuple(stops),
        stopped=stopped,
        too_long=guarded.height - fitting.height,
        covered=fitting.height - collapsed.height,
    )


def _merge(sources: Sequence[Source]) -> pl.DataFrame:
    """Return each name once: its key, what of it is meant, which sources list it."""
    columns = [
        source.names.lazy().select(
            "name",
            scope=_meant(source.subdomains),
            feeds=pl.lit(1 << place, dtype=pl.UInt64),
        )
        for place, source in enumerate(sources)
    ]
    if not columns:
        empty = {"name": pl.String, "scope": pl.UInt8, "feeds": pl.UInt64, "key": pl.String}
        return pl.DataFrame(schema=empty)
    key = pl.col("name").str.split(".").list.reverse().list.join(_JOINT)
    united = (pl.col("scope").bitwise_or(), pl.col("feeds").bitwise_or())
    if len(columns) > 1:
        union = pl.concat(columns).group_by("name").agg(united)
        return union.with_columns(key=key).sort("key").collect(engine="streaming")
    # One source lists few names twice: neighbours are compared, which is cheaper than hashing.
    merged = columns[0].with_columns(key=key).sort("key").collect(engine="streaming")
    again = merged["key"].eq_missing(merged["key"].shift(1))
    if not again.any():
        return merged
    return merged.group_by("name", "key", maintain_order=True).agg(united).select(merged.columns)


def _meant(subdomains: bool | None) -> pl.Expr:
    """Return the scope of a source's names, with the feed's setting in force."""
    if subdomains is None:
        scope = pl.col("scope")
        return pl.when(scope == SILENT).then(pl.lit(_EXACT, pl.UInt8)).otherwise(scope)
    return pl.lit(_SUBTREE if subdomains else _EXACT, dtype=pl.UInt8)


def _guard(
    frame: pl.DataFrame, suffixes: Suffixes, protected: Protected
) -> tuple[pl.DataFrame, list[Stop], int]:
    """Take out public suffixes, and names whose block would take a protected name away.

    All guarded names are looked up at once in the sorted keys: a few thousand searches instead of
    a test of every row.
    """
    reasons: dict[int, tuple[str, str]] = {}
    keys = frame["key"]
    plain, wildcard, exception = suffixes.rules
    single = keys.str.contains(_JOINT, literal=True).not_().arg_true().to_list()
    suffix_rows = {*single, *_rows_of(keys, plain | wildcard).values()}
    for rule, (start, end) in zip(wildcard, _ranges_of(keys, wildcard), strict=True):
        level = rule.count(".") + 1  # `*.ck` makes foo.ck a suffix, but not www.foo.ck
        suffix_rows.update(
            row
            for row in range(start, end)
            if keys[row].count(_JOINT) == level and frame["name"][row] not in exception
        )
    reasons.update(dict.fromkeys(suffix_rows, ("public-suffix", "is a public suffix")))
    for entry, (start, end) in zip(
        protected.names, _ranges_of(keys, protected.names, itself=True), strict=True
    ):
        taken = ("protected", f"would take away {entry}, which is protected")
        for row in range(start, end):
            reasons.setdefault(row, taken)
    above = {parent: entry for entry in protected.names for parent in ancestors(entry)}
    for parent, row in _rows_of(keys, above).items():
        if frame["scope"][row] >= _BELOW:
            entry = above[Domain(parent)]
            taken = ("protected", f"would take away {entry}, which is protected")
            reasons.setdefault(row, taken)
    if not reasons:
        return frame, [], 0
    rows = sorted(reasons)
    stops = [
        Stop(reasons[row][0], frame["name"][row], reasons[row][1]) for row in rows[:KEPT_STOPS]
    ]
    left = frame.with_row_index("row").filter(~pl.col("row").is_in(rows)).drop("row")
    return left, stops, len(rows)


def _rows_of(keys: pl.Series, names: Iterable[str]) -> dict[str, int]:
    """Return the row of each of `names` that is in the sorted `keys`."""
    listed = list(names)
    if not listed or not len(keys):
        return {}
    wanted = pl.Series([sort_key(name) for name in listed], dtype=pl.String)
    at = keys.search_sorted(wanted, "left").clip(upper_bound=len(keys) - 1)
    found = (keys.gather(at) == wanted).arg_true().to_list()
    return {listed[place]: int(at[place]) for place in found}


def _ranges_of(
    keys: pl.Series, names: Iterable[str], *, itself: bool = False
) -> list[tuple[int, int]]:
    """Return for each of `names` the range of rows below it; with `itself`, its own row as well.

    What is below a key begins with the key and NUL, and ends before the key and SOH.
    """
    listed = [sort_key(name) for name in names]
    starts = pl.Series([key if itself else key + _JOINT for key in listed], dtype=pl.String)
    ends = pl.Series([key + _AFTER for key in listed], dtype=pl.String)
    return list(
        zip(
            keys.search_sorted(starts, "left").to_list(),
            keys.search_sorted(ends, "left").to_list(),
            strict=True,
        )
    )


def collapse(frame: pl.DataFrame) -> pl.DataFrame:
    """Leave out the names that are below a name whose subtree is listed.

    `frame` is sorted by its column key. Level by level from the top: the last listed subtree of
    that depth is carried forward, and a row whose key begins with it is below it. (The last
    subtree of any depth would not do: subtrees nest.)
    """
    wide = pl.col("scope") >= _BELOW
    if not frame.select(wide.any()).item():
        return frame
    depth = frame["key"].str.count_matches(_JOINT, literal=True).alias("depth")
    frame = frame.with_columns(depth)
    deepest = int(frame["depth"].max() or 0)  # type: ignore[arg-type] # an integer column
    for level in range(deepest + 1):
        tops = (pl.col("depth") == level) & wide
        if not frame.select(tops.any()).item():
            continue
        carried = pl.when(tops).then(pl.col("key") + _JOINT).forward_fill()
        below = pl.col("key").str.starts_with(carried).fill_null(value=False)
        frame = frame.filter(~below)
    return frame.drop("depth")


@dataclass(frozen=True, eq=False)
class Many:
    """A row set in columns: name and scope, all with one action."""

    frame: pl.DataFrame
    action: Action

    def __len__(self) -> int:
        return self.frame.height

    def __iter__(self) -> Iterator[Row]:
        for name, scope in self.frame.select("name", "scope").iter_rows():
            yield Row(Domain(name), _SCOPES[scope], self.action)

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
        ).unique("name", maintain_order=True)
        return spread(list(Many(picked, self.action)), size)


def _largest(frame: pl.DataFrame, measure: pl.Series, count: int) -> pl.DataFrame:
    """Return the first `count` rows of those with the largest `measure`."""
    large = measure >= measure.top_k(count).min()
    order = measure.filter(large).arg_sort(descending=True)
    return frame.filter(large).gather(order.head(count))


@dataclass(frozen=True, eq=False)
class TableRows:
    """The rows of a large zone: `frame` as in `Made`, one action for all."""

    frame: pl.DataFrame
    action: Action
    suffix: str = ".parquet"

    def __len__(self) -> int:
        return self.frame.height

    def all(self) -> RowSet:
        """Return the rows themselves."""
        return Many(self.frame, self.action)

    @cached_property
    def _digest(self) -> str:
        total = hashlib.sha256(str(self.action).encode())
        for part in self.frame.select("name", "scope").iter_slices(SLICE):
            text = io.BytesIO()
            part.write_csv(text, include_header=False, quote_style="never")
            total.update(text.getbuffer())
        return total.hexdigest()

    def digest(self) -> str:
        """Return a digest of the rows; which feeds list them is no part of it."""
        return self._digest

    def diff(self, saved: Path | None) -> Diff:
        """Return the difference from the rows saved at `saved`."""
        none = self.frame.clear()
        if saved is None:
            return self._diff(self.frame, none, none)
        old = pl.read_parquet(saved, columns=["name", "scope", "action"])
        in_old, in_new = _membership(self.frame, old)
        was = parse_action(old["action"][0]) if old.height else self.action
        both = self.frame.filter(in_old) if was != self.action else none
        return self._diff(self.frame.filter(~in_old), old.filter(~in_new), both)

    def _diff(self, added: pl.DataFrame, removed: pl.DataFrame, changed: pl.DataFrame) -> Diff:
        return Diff(*(Many(part, self.action) for part in (added, removed, changed)))

    def save(self, path: Path) -> None:
        """Write the rows to `path` as Parquet, with the action and which feeds list them."""
        self.frame.with_columns(action=pl.lit(str(self.action))).write_parquet(
            path, compression="lz4"
        )

    def write(self, out: BinaryIO, shapes: Mapping[Action, Shape]) -> None:
        """Write the records."""
        for part in self.frame.iter_slices(SLICE):
            self._write(part, out, shapes)

    def _write(self, part: pl.DataFrame, out: BinaryIO, shapes: Mapping[Action, Shape]) -> None:
        shape = shapes[self.action]
        name = pl.col("name")
        exact = _expanded(shape, name)
        below = _expanded(shape, pl.concat_str(pl.lit("*."), name))
        scope = pl.col("scope")
        text = (
            pl.when(scope == _SUBTREE)
            .then(pl.concat_str(exact, below))
            .when(scope == _BELOW)
            .then(below)
            .otherwise(exact)
        )
        part.select(text).write_csv(
            out, include_header=False, quote_style="never", line_terminator=""
        )

    def recheck(
        self, path: Path, span: tuple[int, int], shapes: Mapping[Action, Shape]
    ) -> list[str]:
        """Read the written records back; return what is wrong."""
        with path.open("rb") as file:
            file.seek(span[0])
            data = file.read(span[1])
        faults: list[str] = []
        at = 0
        for part in self.frame.iter_slices(SLICE):
            expected = io.BytesIO()
            self._write(part, expected, shapes)
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
        return [printable(fault, 300) for fault in faults]


def _membership(new: pl.DataFrame, old: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Return which rows of `new` are in `old`, and which of `old` are in `new`: name and scope.

    By hash, then proved: both frames are in the same order, so what they share must be the same
    column; if it is not, two names collided, and the names themselves are compared.
    """
    on = ["name", "scope"]
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


def _expanded(shape: Shape, owner: pl.Expr) -> pl.Expr:
    """Return the records of `owner`, which is a column."""
    parts: list[pl.Expr] = [pl.lit(shape[0])] if shape[0] else []
    for segment in shape[1:]:
        parts += [owner, pl.lit(segment)]
    return pl.concat_str(parts)
