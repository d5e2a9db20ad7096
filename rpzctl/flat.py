"""Policy zones one behind the other as one table: what becomes of each name, and of what is below.

For formats that know no zones. The first zone that speaks of a name decides, as in a resolver, and
so do exceptions: what an earlier zone lets through is not blocked by one behind it. Columns, like
the bulk lane; most names stand in one zone alone, below no other name, and are taken as they are.
"""

from collections.abc import Sequence
from typing import NamedTuple

import polars as pl

from rpzctl.rows import Rows
from rpzctl.rpz import BITS, PASSTHRU, Action, Scope
from rpzctl.table import TableRows

PASS = 0
"""the number of passthru; other actions are numbered from 1"""
SCHEMA = {"name": pl.String, "itself": pl.Int16, "below": pl.Int16}
_EXACT, _BELOW = BITS[Scope.EXACT], BITS[Scope.BELOW]
_PARENT = pl.col("at").str.replace(r"^[^.]*\.", "")


class Flat(NamedTuple):
    """What becomes of each name that policy zones speak of."""

    frame: pl.DataFrame
    """`SCHEMA`, sorted by name: numbers of actions for the name itself and for what is below it,
    null where nothing is said"""
    actions: tuple[Action, ...]
    """by their numbers"""


def flat(zones: Sequence[Rows]) -> Flat:
    """Return what `zones`, in order of precedence, come to together."""
    actions = [PASSTHRU]
    frames = [_frame(rows, actions) for rows in zones]
    if len(frames) != 1:
        frames = [_united(frames)]
    return Flat(frames[0].sort("name"), tuple(actions))


def _number(action: Action, actions: list[Action]) -> int:
    if action not in actions:
        actions.append(action)
    return actions.index(action)


def _frame(rows: Rows, actions: list[Action]) -> pl.DataFrame:
    """Return the rows of a zone as `SCHEMA`, each name once; add what is new to `actions`."""
    if isinstance(rows, TableRows):
        number = _number(rows.action, actions)
        act = pl.when("passes").then(PASS).otherwise(number).cast(pl.Int16)
        table = rows.frame.select("name", "scope", act=act)
    else:
        found = [(row.name, BITS[row.scope], _number(row.action, actions)) for row in rows.all()]
        schema = {"name": pl.String, "scope": pl.UInt8, "act": pl.Int16}
        table = pl.DataFrame(found, schema=schema, orient="row")
    scope = pl.col("scope")
    made = table.select(
        "name",
        itself=pl.when((scope & _EXACT) > 0).then("act"),
        below=pl.when((scope & _BELOW) > 0).then("act"),
    )
    if made["name"].n_unique() == made.height:
        return made
    return made.group_by("name").agg(pl.col("itself", "below").drop_nulls().first())


def _united(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Return zones' frames as one, where the first that speaks of a name decides."""
    if not frames:
        return pl.DataFrame(schema=SCHEMA)
    names = pl.concat([frame.select("name") for frame in frames])
    several = names.filter(pl.col("name").is_duplicated()).unique()
    wide = pl.concat([frame.filter(pl.col("below").is_not_null()) for frame in frames])
    wide = wide.select("name", "below").unique("name")
    under, between = _under(names.unique(), wide)
    asked = pl.concat([several, under, between]).unique()
    alone = pl.concat(frames).join(asked, on="name", how="anti")
    made = asked.with_columns(
        itself=pl.lit(None, dtype=pl.Int16), below=pl.lit(None, dtype=pl.Int16)
    )
    for frame in frames:
        says = _says(asked, frame)
        made = (
            made.join(says, on="name", how="left", suffix="_z")
            .with_columns(
                itself=pl.coalesce("itself", "itself_z"), below=pl.coalesce("below", "below_z")
            )
            .select(SCHEMA.keys())
        )
    return pl.concat([alone.select(SCHEMA.keys()), made])


def _says(asked: pl.DataFrame, frame: pl.DataFrame) -> pl.DataFrame:
    """Return what one zone says of the names `asked`: in so many words, or by a wider row."""
    own = asked.join(frame, on="name", how="inner")
    rest = asked.join(frame, on="name", how="anti")
    wide = frame.filter(pl.col("below").is_not_null()).select("name", "below")
    found = _nearest(rest, wide)[0]
    return pl.concat([own, found.select("name", itself="below", below="below")])


def _under(names: pl.DataFrame, wide: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return which of `names` are below one of `wide`, and the names between those and these.

    RPZ wildcards are DNS wildcards: a name that exists because of one below it has to be spoken of.
    """
    found, walked = _nearest(names, wide)
    between = [
        step.join(found.select("name"), on="name", how="semi").select(name="at") for step in walked
    ]
    return found.select("name"), pl.concat([found.select("name").clear(), *between]).unique()


def below_any(names: pl.DataFrame, wide: pl.DataFrame) -> pl.Series:
    """Tell for each of `names` whether one of `wide` is above it."""
    found = _nearest(names, wide.with_columns(below=pl.lit(PASS, dtype=pl.Int16)))[0]
    return names["name"].is_in(found["name"].implode())


def _nearest(names: pl.DataFrame, wide: pl.DataFrame) -> tuple[pl.DataFrame, list[pl.DataFrame]]:
    """Return those of `names` that have an ancestor in `wide`, with what the nearest says of below.

    Also the ancestors that were passed on the way (`at`), as frames.
    """
    left = names.select("name", at=pl.col("name"))
    found, walked = [], []
    while left.height:
        left = left.filter(pl.col("at").str.contains(".", literal=True)).with_columns(at=_PARENT)
        met = left.join(wide, left_on="at", right_on="name", how="inner")
        found.append(met.select("name", "below"))
        left = left.join(wide, left_on="at", right_on="name", how="anti")
        walked.append(left)
    schema = {"name": pl.String, "below": pl.Int16}
    return pl.concat([pl.DataFrame(schema=schema), *found]), walked
