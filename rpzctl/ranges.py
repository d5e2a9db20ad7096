"""Names sorted by reversed labels: a subtree is a range of rows (RFC 4034, section 6.1).

Looking up a few thousand names in a sorted column is a few thousand searches, instead of a test of
every row.
"""

from collections.abc import Iterable

import polars as pl

from rpzctl.names import sort_key

JOINT, AFTER = "\0", "\1"
"""between the labels of a key, and the character after it: what is below a key begins with it and
NUL, and ends before it and SOH"""
_HEAD = 16
"""octets of a key that are compared as one number"""


def key_of(name: pl.Expr) -> pl.Expr:
    """Return the sort key of a column of names, as `rpzctl.names.sort_key` makes it."""
    return name.str.split(".").list.reverse().list.join(JOINT)


def in_order(frame: pl.DataFrame) -> pl.DataFrame:
    """Return `frame` with the column key that its names make, sorted by it.

    The keys' first octets are compared as numbers, for strings lie scattered in memory: at five
    million names that takes half the time. Keys that begin alike are compared whole.
    """
    head = pl.col("key").str.slice(0, _HEAD).str.pad_end(_HEAD, JOINT).cast(pl.Binary)
    number = head.bin.reinterpret(dtype=pl.Int128, endianness="big")  # ASCII: none is negative
    keyed = frame.lazy().with_columns(key=key_of(pl.col("name"))).with_columns(head=number)
    ordered = keyed.sort("head").collect(engine="streaming")
    again = ordered["head"] == ordered["head"].shift(1)
    alike = (again | again.shift(-1)).fill_null(value=False).arg_true()
    ordered = ordered.drop("head")
    if len(alike):
        rest = pl.LazyFrame({"key": ordered["key"].gather(alike), "place": alike})
        places = rest.sort("key").collect(engine="streaming")["place"]
        ordered = ordered.with_columns(each.scatter(alike, each.gather(places)) for each in ordered)
    # Their text lies in the old order still; all that reads it from here on is faster in the new.
    return ordered.with_columns(pl.concat_str("name", pl.lit("")), pl.concat_str("key", pl.lit("")))


def rows_of(keys: pl.Series, names: Iterable[str]) -> dict[str, int]:
    """Return the row of each of `names` that is in the sorted `keys`."""
    listed = list(names)
    if not listed or not len(keys):
        return {}
    wanted = pl.Series([sort_key(name) for name in listed], dtype=pl.String)
    at = keys.search_sorted(wanted, "left").clip(upper_bound=len(keys) - 1)
    found = (keys.gather(at) == wanted).arg_true().to_list()
    return {listed[place]: int(at[place]) for place in found}


def ranges_of(
    keys: pl.Series, names: Iterable[str], *, itself: bool = False
) -> list[tuple[int, int]]:
    """Return for each of `names` the range of rows below it; with `itself`, its own row as well."""
    listed = [sort_key(name) for name in names]
    starts = pl.Series([key if itself else key + JOINT for key in listed], dtype=pl.String)
    ends = pl.Series([key + AFTER for key in listed], dtype=pl.String)
    return list(
        zip(
            keys.search_sorted(starts, "left").to_list(),
            keys.search_sorted(ends, "left").to_list(),
            strict=True,
        )
    )


def rows_in(ranges: Iterable[tuple[int, int]]) -> pl.Series:
    """Return the rows of all `ranges`, each once, sorted."""
    parts = [pl.int_range(start, end, eager=True) for start, end in ranges if start < end]
    none = pl.Series([], dtype=pl.Int64)
    return pl.concat(parts).unique().sort() if parts else none
