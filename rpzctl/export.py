"""The published policy in formats of other programs, and what each of them cannot say.

Each format errs on the side of resolving: where it has no words for what is blocked, less is
blocked; where it has none for what is let through in the middle of what is blocked, more is let
through. What was lost is counted, by what it is.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from rpzctl import fragments, render
from rpzctl.between import rows_of
from rpzctl.config import Config
from rpzctl.errors import UsageFault
from rpzctl.files import Out
from rpzctl.flat import PASS, Flat, below_any, flat
from rpzctl.manifest import Manifest
from rpzctl.names import RESERVED, Domain, sort_key
from rpzctl.rows import QuickRows, Rows, expand
from rpzctl.rpz import SINKHOLE, Kind, Row, Scope
from rpzctl.store import Store

SLICE = 200_000
"""rows that are made into text at a time"""
_OWNER = "@@owner@@"
_OTHER = rf"\.{RESERVED}[^.]*$"
_NAME, _ITSELF, _BELOW = pl.col("name"), pl.col("itself"), pl.col("below")
_BLOCKS, _BLOCKS_BELOW = _ITSELF > PASS, _BELOW > PASS
_BLOCKS_ALL = _BLOCKS & _BLOCKS_BELOW
_PASSES, _PASSES_BELOW = _ITSELF == PASS, _BELOW == PASS


class Source(NamedTuple):
    """The zones that are exported."""

    config: Config
    origins: tuple[str, ...]
    rows: tuple[Rows, ...]
    """of each"""
    generation: int
    serial: int
    """the highest of the zones'"""
    monitored: tuple[str, ...] = ()
    """zones that are left out, for they are only monitored"""


class Format(NamedTuple):
    """A format of another program."""

    summary: str
    write: Callable[[Source, Out], dict[str, int]]
    """write it; return how many names it could not say as they are, by what was lost"""


def source(config: Config, store: Store, manifest: Manifest, only: Sequence[str] = ()) -> Source:
    """Return the published policy zones, or those of `only`. Raises `UsageFault`, `RpzctlError`.

    What is only monitored is left out unless it is asked for.

    Sinkhole zones count as blocks by the operator's zone, before all that it says but of names
    below them.
    """
    known = manifest.policy_zones
    unknown = [origin for origin in only if origin not in known]
    if unknown:
        raise UsageFault(
            f"there is no published policy zone {', '.join(unknown)}",
            details=[f"known: {', '.join(known)}"],
        )
    applied = [origin for origin in known if not manifest.zones[origin].monitored]
    origins = tuple(origin for origin in known if origin in (only or applied))
    folder = store.folder(manifest)
    rows = [rows_of(folder, manifest.zones[origin]) for origin in origins]
    if manifest.sinkholes and config.policy.operator_zone in origins:
        names = [Row(Domain(name), Scope.SUBTREE, SINKHOLE) for name in manifest.sinkholes]
        own = rows[origins.index(config.policy.operator_zone)].all()
        names += fragments.below_sinkholes(manifest.sinkholes, own)
        names.sort(key=lambda row: sort_key(row.name))
        rows.insert(0, QuickRows(tuple(names)))
        origins = ("sinkhole zones", *origins)
    serial = max((manifest.zones[o].serial for o in origins if o in manifest.zones), default=1)
    left = () if only else tuple(origin for origin in known if origin not in applied)
    return Source(config, origins, tuple(rows), manifest.generation, serial, left)


def _lines(
    frame: pl.DataFrame, parts: Sequence[tuple[pl.Expr, Sequence[pl.Expr]]], out: Out
) -> None:
    """Write for each row the texts of those of `parts` whose condition holds."""
    made = [
        pl.when(condition.fill_null(value=False)).then(pl.concat_str(text)).otherwise(pl.lit(""))
        for condition, text in parts
    ]
    for part in frame.iter_slices(SLICE):
        _put(part.select(pl.concat_str(made)), out)


def _put(text: pl.DataFrame, out: Out) -> None:
    octets = io.BytesIO()
    text.write_csv(octets, include_header=False, quote_style="never", line_terminator="")
    out.write(octets.getbuffer())


def _text(*parts: str | pl.Expr) -> list[pl.Expr]:
    return [pl.lit(part) if isinstance(part, str) else part for part in parts]


_LOST: Mapping[str, pl.Expr] = MappingProxyType(
    {
        "blocked with what is below, here without": _BLOCKS_ALL,
        "blocked without what is below, left out": _BLOCKS & ~_BLOCKS_BELOW.fill_null(value=False),
        "of which only what is below is blocked, left out": _BLOCKS_BELOW
        & ~_BLOCKS.fill_null(value=False),
        "let through alone, here with what is below": _PASSES & _BLOCKS_BELOW,
        "of which only what is below is let through, here also the name": _PASSES_BELOW & _BLOCKS,
    }
)
_WITHOUT_BELOW, _ALONE, _ONLY_BELOW, _PASS_ALONE, _PASS_BELOW = _LOST


def _lost(made: Flat, *sorts: str) -> dict[str, int]:
    """Count what a format cannot say; also actions, of which it has one."""
    counts = {sort: int(made.frame.select(_LOST[sort].sum()).item() or 0) for sort in sorts}
    others = [n for n, each in enumerate(made.actions) if n and each.kind is not Kind.NXDOMAIN]
    acted = made.frame.select(
        (_ITSELF.is_in(others) | _BELOW.is_in(others)).fill_null(value=False).sum()
    ).item()
    counts["of another action than nxdomain, here blocked"] = int(acted or 0)
    return {sort: count for sort, count in counts.items() if count}


def _names(given: Source) -> tuple[Flat, dict[str, int]]:
    """Return what becomes of names, and how many rows are of other triggers, which are left out."""
    made = flat(given.rows)
    is_other = pl.col("name").str.contains(_OTHER)
    names = made.frame.filter(~is_other)
    others = made.frame.height - names.height
    lost = {"that are rules on addresses or name servers, left out": others}
    return made._replace(frame=names), lost if others else {}


def _hosts(given: Source, out: Out) -> dict[str, int]:
    made, others = _names(given)
    out.write(_comment("#", given))
    _lines(made.frame, [(_BLOCKS, _text("0.0.0.0 ", _NAME, "\n"))], out)
    return others | _lost(made, _WITHOUT_BELOW, _ONLY_BELOW)


def _domains(given: Source, out: Out) -> dict[str, int]:
    made, others = _names(given)
    out.write(_comment("#", given))
    _lines(made.frame, [(_BLOCKS, _text(_NAME, "\n"))], out)
    return others | _lost(made, _WITHOUT_BELOW, _ONLY_BELOW)


def _dnsmasq(given: Source, out: Out) -> dict[str, int]:
    made, others = _names(given)
    out.write(_comment("#", given))
    _lines(
        made.frame,
        [
            (_BLOCKS_ALL, _text("local=/", _NAME, "/\n")),
            (_PASSES | _PASSES_BELOW, _text("server=/", _NAME, "/#\n")),
        ],
        out,
    )
    return others | _lost(made, _ALONE, _ONLY_BELOW, _PASS_ALONE, _PASS_BELOW)


def _unbound(given: Source, out: Out) -> dict[str, int]:
    made, others = _names(given)
    out.write(_comment("#", given) + b"server:\n")
    alone = _BLOCKS & ~_BLOCKS_BELOW.fill_null(value=False) & ~_PASSES_BELOW.fill_null(value=False)
    data = _text('local-data: "', _NAME, '. A 0.0.0.0"\nlocal-data: "', _NAME, '. AAAA ::"\n')
    _lines(
        made.frame,
        [
            (_BLOCKS_ALL, _text('local-zone: "', _NAME, '." always_nxdomain\n')),
            (alone, data),
            (_PASSES | _PASSES_BELOW, _text('local-zone: "', _NAME, '." always_transparent\n')),
        ],
        out,
    )
    return others | _lost(made, _ONLY_BELOW, _PASS_ALONE, _PASS_BELOW)


def _adblock(given: Source, out: Out) -> dict[str, int]:
    """Write rules of DNS filters, for which not the more specific rule wins.

    An exception wins over a block, an important block over that, and an important exception over
    all. A block in what that lets through cannot be said.
    """
    made, others = _names(given)
    out.write(_comment("!", given))
    frame = made.frame
    inside = _below(frame, _PASSES_BELOW)
    firm = _below(frame, _BLOCKS_BELOW & pl.Series(inside))
    never = _below(frame, _PASSES_BELOW & pl.Series(firm))
    frame = frame.with_columns(end=_end(inside), passed_end=_end(firm), said=pl.Series(~never))
    said, end, passed_end = pl.col("said"), pl.col("end"), pl.col("passed_end")
    _lines(
        frame,
        [
            (said & _BLOCKS_ALL, _text("||", _NAME, end)),
            (said & _BLOCKS & ~_BLOCKS_BELOW.fill_null(value=False), _text("|", _NAME, end)),
            (said & _BLOCKS_BELOW & ~_BLOCKS.fill_null(value=False), _text("||*.", _NAME, end)),
            (_PASSES & _PASSES_BELOW, _text("@@||", _NAME, passed_end)),
            (_PASSES & ~_PASSES_BELOW.fill_null(value=False), _text("@@|", _NAME, passed_end)),
            (_PASSES_BELOW & ~_PASSES.fill_null(value=False), _text("@@||*.", _NAME, passed_end)),
        ],
        out,
    )
    unsaid = frame.filter(~said & (_BLOCKS | _BLOCKS_BELOW).fill_null(value=False)).height
    counts = {"blocked inside an exception inside a block inside another, left out": unsaid}
    return {**others, **({} if not unsaid else counts), **_lost(made)}


def _below(frame: pl.DataFrame, wide: pl.Expr) -> pl.Series:
    """Tell for each row whether it is below one for which `wide` holds."""
    return below_any(frame.select("name"), frame.filter(wide).select("name"))


def _end(important: pl.Series) -> pl.Expr:
    return pl.when(pl.Series(important)).then(pl.lit("^$important\n")).otherwise(pl.lit("^\n"))


def _rpz(given: Source, out: Out) -> dict[str, int]:
    made = flat(given.rows)
    config = given.config
    actions = dict(enumerate(made.actions))
    drawn = render.zone(
        render.environment(config),
        "bind/rpz.zone.j2",
        config,
        config.policy.operator_zone,
        made.actions,
    )
    soa = config.soa
    head = (
        f"$TTL {soa.ttl}\n@ IN SOA {soa.mname}. {soa.rname}. {given.serial} {soa.refresh} "
        f"{soa.retry} {soa.expire} {soa.minimum}\n@ IN NS {soa.mname}.\n"
    )
    out.write(_comment(";", given) + head.encode())
    parts = []
    for number, action in actions.items():
        text = expand(drawn.shapes[action], _OWNER).split(_OWNER)
        for says, start in ((_ITSELF, ""), (_BELOW, "*.")):
            pieces: list[str | pl.Expr] = [text[0]]
            for segment in text[1:]:
                pieces += [start, _NAME, segment]
            parts.append((says == number, _text(*pieces)))
    _lines(made.frame, parts, out)
    others = made.frame.filter(pl.col("name").str.contains(_OTHER)).height
    if not others or len(given.rows) == 1:
        return {}
    return {"that are rules on addresses or name servers, here beside all other rules": others}


def _json(given: Source, out: Out) -> dict[str, int]:
    """All rows of all zones, in order: nothing is lost, and nothing is put together."""
    import json

    head = {"generation": given.generation, "zones": list(given.origins)}
    out.write((json.dumps(head)[:-1] + ', "rows": [').encode())
    comma = b"\n"
    for origin, rows in zip(given.origins, given.rows, strict=True):
        for part in _slices(origin, rows):
            text = io.BytesIO()
            part.write_ndjson(text)
            lines = text.getvalue().rstrip(b"\n").replace(b"\n", b",\n")
            out.write(comma + lines)
            comma = b",\n"
    out.write(b"\n]}\n")
    return {}


def _slices(origin: str, rows: Rows) -> Iterator[pl.DataFrame]:
    """Give the rows of a zone as columns for JSON, some at a time."""
    made = flat([rows])
    names = [str(action) for action in made.actions]
    shown = pl.DataFrame(
        {"act": list(range(len(names))), "action": names},
        schema={"act": pl.Int16, "action": pl.String},
    )
    for part in made.frame.iter_slices(SLICE):
        same = _ITSELF.eq_missing(_BELOW)
        split = pl.concat(
            [
                part.filter(same).select("name", scope=pl.lit("subtree"), act="itself"),
                part.filter(~same & _ITSELF.is_not_null()).select(
                    "name", scope=pl.lit("exact"), act="itself"
                ),
                part.filter(~same & _BELOW.is_not_null()).select(
                    "name", scope=pl.lit("below"), act="below"
                ),
            ]
        )
        if split.height:
            yield (
                split.join(shown, on="act", how="left", maintain_order="left")
                .select(zone=pl.lit(origin), name="name", scope="scope", action="action")
                .sort("name", "scope", maintain_order=True)
            )


def _comment(mark: str, given: Source) -> bytes:
    return f"{mark} {', '.join(given.origins)}: generation {given.generation} of rpzctl\n".encode()


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "rpz": Format("one policy zone with relative owners: all that is published", _rpz),
        "hosts": Format("0.0.0.0 NAME: names that are blocked, without what is below", _hosts),
        "domains": Format("one name a line: names that are blocked", _domains),
        "dnsmasq": Format("local=/NAME/ and server=/NAME/#: names with all below them", _dnsmasq),
        "unbound": Format("local-zone and local-data of unbound.conf", _unbound),
        "adblock": Format("||NAME^ and @@||NAME^, as DNS filters read them", _adblock),
        "json": Format("all rows of all zones with scope and action", _json),
    }
)
